import { Global, Module } from '@nestjs/common';
import { createMetrics, METRICS } from './metrics.js';

@Global()
@Module({ providers: [{ provide: METRICS, useFactory: createMetrics }], exports: [METRICS] })
export class ObservabilityModule {}
