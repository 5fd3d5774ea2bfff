import { Global, Module } from '@nestjs/common';
import { IdleCollector } from './idle-collector.js';
import { createMetrics, METRICS } from './metrics.js';
import { ProtocolLogs } from './protocol-log.js';
import { Readiness } from './readiness.js';

@Global()
@Module({
  providers: [{ provide: METRICS, useFactory: createMetrics }, IdleCollector, ProtocolLogs, Readiness],
  exports: [METRICS, ProtocolLogs, Readiness],
})
export class ObservabilityModule {}
