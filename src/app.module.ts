import { Module, type DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { DataSourceOptions } from 'typeorm';
import { AccountsModule } from './accounts/accounts.module.js';
import { AuthModule } from './auth/auth.module.js';
import { ConfigModule } from './config/config.module.js';
import type { Config } from './config/config.js';
import { EventsModule } from './events/events.module.js';
import { GraphqlModule } from './graphql/graphql.module.js';
import { HttpModule } from './http/http.module.js';
import { AdaptersModule } from './mailbox/adapters.module.js';
import { MailboxModule } from './mailbox/mailbox.module.js';
import { ObservabilityModule } from './observability/observability.module.js';
import { PROTOCOLS } from './protocols.js';
import { openDataSource, type Database } from './store/database.js';
import { StoreModule } from './store/store.module.js';
import { SyncModule } from './sync/sync.module.js';

/** The whole gateway. */
@Module({})
export class AppModule {
  static forRoot(config: Config, database: Database): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.forRoot(config),
        ObservabilityModule,
        TypeOrmModule.forRootAsync({
          useFactory: (): DataSourceOptions & { autoLoadEntities: boolean } => ({
            ...database.options,
            autoLoadEntities: true,
          }),
          dataSourceFactory: (options) => openDataSource(options as typeof database.options),
        }),
        AdaptersModule.forRoot(PROTOCOLS),
        StoreModule,
        AccountsModule,
        AuthModule,
        SyncModule,
        EventsModule,
        MailboxModule,
        GraphqlModule,
        HttpModule,
      ],
    };
  }
}
