import { Controller, Get, Headers, Inject, Res } from '@nestjs/common';
import type { Response } from 'express';
import type { Registry } from 'prom-client';
import { AuthService } from '../auth/auth.service.js';
import { requireScope } from '../auth/principal.js';
import { METRICS } from '../observability/metrics.js';

@Controller('metrics')
export class MetricsController {
  constructor(
    @Inject(AuthService) private readonly auth: AuthService,
    @Inject(METRICS) private readonly registry: Registry,
  ) {}

  /** In Prometheus' text format, for a key with scope ADMIN. */
  @Get()
  async metrics(@Headers('authorization') authorization: string | undefined, @Res() response: Response): Promise<void> {
    requireScope(await this.auth.authenticate(authorization), 'ADMIN');
    response.set('content-type', this.registry.contentType).send(await this.registry.metrics());
  }
}
