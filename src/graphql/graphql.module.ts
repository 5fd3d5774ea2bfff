import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { ApolloServerPluginCacheControlDisabled } from '@apollo/server/plugin/disabled';
import { Module, RequestMethod, type MiddlewareConsumer, type NestModule } from '@nestjs/common';
import { GraphQLModule } from '@nestjs/graphql';
import type { Request, Response } from 'express';
import type { GraphQLError, GraphQLFormattedError } from 'graphql';
import { AccountsModule } from '../accounts/accounts.module.js';
import { AuthModule } from '../auth/auth.module.js';
import { CONFIG, type Config } from '../config/config.js';
import { EventsModule } from '../events/events.module.js';
import { allowAnyOrigin } from '../http/cors.js';
import { requestUrl } from '../http/request-url.js';
import { setSecurityHeaders } from '../http/security-headers.js';
import { MailboxModule } from '../mailbox/mailbox.module.js';
import { ContextFactory } from './context.factory.js';
import { HttpDoor } from './doors/http.door.js';
import { principalOf } from './doors/http-request.js';
import { SseDoor } from './doors/sse.door.js';
import { SubscriptionProtocol } from './doors/subscription-protocol.js';
import { SubscriptionRunner } from './doors/subscription.runner.js';
import { WebSocketDoor } from './doors/websocket.door.js';
import { formatError } from './error-format.js';
import { queryLimitsPlugin } from './query-limits.plugin.js';
import { RESOLVERS } from './resolvers/resolvers.js';
import { SCALARS } from './scalars.js';
import { readSchemaFiles } from './schema-files.js';

const path = '/graphql';

@Module({
  imports: [AccountsModule, AuthModule, EventsModule, MailboxModule],
  providers: [ContextFactory],
  exports: [ContextFactory],
})
class ContextModule {}

function apolloOptions({ limits }: Config, contexts: ContextFactory): Omit<ApolloDriverConfig, 'driver'> {
  return {
    path,
    typeDefs: readSchemaFiles(),
    resolvers: SCALARS,
    context: ({ req, res }: { req: Request; res: Response }) => contexts.create(principalOf(res), requestUrl(req)),
    formatError: (_formatted: GraphQLFormattedError, error: unknown) => formatError(error as GraphQLError),
    plugins: [ApolloServerPluginCacheControlDisabled(), queryLimitsPlugin(limits)],
    // An API for developers: whoever has a key may read the contract.
    introspection: true,
    graphiql: false,
    // A form on another site cannot set this header, so it is proof enough that the request was meant.
    csrfPrevention: { requestHeaders: ['authorization'] },
    persistedQueries: false,
    allowBatchedHttpRequests: false,
    includeStacktraceInErrorResponses: false,
    autoTransformHttpErrors: false,
    stopOnTerminationSignals: false,
    // Apollo cuts every connection when it stops: only after the doors have said good-bye.
    stopOnApplicationShutdown: true,
  };
}

@Module({
  imports: [
    AccountsModule,
    AuthModule,
    EventsModule,
    MailboxModule,
    ContextModule,
    GraphQLModule.forRootAsync<ApolloDriverConfig>({
      driver: ApolloDriver,
      imports: [ContextModule],
      inject: [CONFIG, ContextFactory],
      useFactory: apolloOptions,
    }),
  ],
  providers: [HttpDoor, SseDoor, SubscriptionProtocol, SubscriptionRunner, WebSocketDoor, ...RESOLVERS],
})
export class GraphqlModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(setSecurityHeaders, allowAnyOrigin, HttpDoor).forRoutes({ path, method: RequestMethod.ALL });
  }
}
