import { Module, type MiddlewareConsumer, type NestModule } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { AuthModule } from '../auth/auth.module.js';
import { MailboxModule } from '../mailbox/mailbox.module.js';
import { ConsoleController } from './console.controller.js';
import { ContentController } from './content.controller.js';
import { allowAnyOrigin } from './cors.js';
import { ExportController } from './export/export.controller.js';
import { HealthController } from './health.controller.js';
import { JsonErrorFilter } from './json-error.filter.js';
import { MetricsController } from './metrics.controller.js';
import { setSecurityHeaders } from './security-headers.js';

/** What is served beside GraphQL: downloads, health, metrics, the console. */
@Module({
  imports: [AuthModule, MailboxModule],
  controllers: [ConsoleController, ContentController, ExportController, HealthController, MetricsController],
  providers: [{ provide: APP_FILTER, useClass: JsonErrorFilter }],
})
export class HttpModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(setSecurityHeaders).forRoutes('{*path}');
    consumer.apply(allowAnyOrigin).forRoutes('content/{*path}');
  }
}
