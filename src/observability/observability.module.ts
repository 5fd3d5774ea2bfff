import { Global, Module } from '@nestjs/common';
import { createMetrics, METRICS } from './metrics.js';
import { Readiness } from './readiness.js';

@Global()
@Module({
  providers: [{ provide: METRICS, useFactory: createMetrics }, Readiness],
  exports: [METRICS, Readiness],
})
export class ObservabilityModule {}
