import type { IncomingMessage } from 'node:http';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import type { ExecutionArgs, ExecutionResult, GraphQLError } from 'graphql';
import { CloseCode, handleProtocols, makeServer, type Context, type WebSocket as ProtocolSocket } from 'graphql-ws';
import { AuthService } from '../../auth/auth.service.js';
import type { Principal } from '../../auth/principal.js';
import { CONFIG, type Config } from '../../config/config.js';
import { requestUrl } from '../../http/request-url.js';
import { isMailError, MailError } from '../../mailbox/mailbox.errors.js';
import { formatError, toGraphqlError } from '../error-format.js';
import { prepareSubscription } from './prepare-subscription.js';
import { MAX_SOCKETS_PER_KEY, MAX_SUBSCRIPTIONS_PER_SOCKET, OpenCounter } from './stream-limits.js';
import { SubscriptionRunner, type ResultStream } from './subscription.runner.js';

/** What belongs to one socket. */
interface Extra {
  readonly socket: ProtocolSocket;
  readonly request: IncomingMessage;
  principal?: Principal;
  release?: () => void;
}
type SocketContext = Context<Record<string, unknown> | undefined, Extra>;

const initWaitMs = 10_000;
const retryAfterMs = 5_000;
/** RFC 6455's registry: 1013 "try again later". */
const tryAgainLater = 1013;

/** `graphql-transport-ws` over the same runner, limits and errors as the other doors. */
@Injectable()
export class SubscriptionProtocol {
  private readonly log = new Logger('WebSocket');
  private readonly counter = new OpenCounter(MAX_SOCKETS_PER_KEY);
  private readonly server = makeServer<Record<string, unknown> | undefined, Extra>({
    connectionInitWaitTimeout: initWaitMs,
    onConnect: (context) => this.connect(context),
    onSubscribe: (context, _id, payload) => this.prepare(context, payload),
    // Results come formatted already; graphql-ws sends what `onNext` gives back as it is.
    subscribe: (args) => this.subscribe(args) as AsyncGenerator<ExecutionResult, void, void>,
    onNext: (_context, _id, _payload, _args, result) => result,
    onError: (_context, _id, _payload, errors) => errors.map(formatError),
    onComplete: ({ extra }) => this.leaveIfRefused(extra),
    onClose: ({ extra }) => extra.release?.(),
  });

  constructor(
    @Inject(AuthService) private readonly auth: AuthService,
    @Inject(GraphQLSchemaHost) private readonly schemaHost: GraphQLSchemaHost,
    @Inject(SubscriptionRunner) private readonly runner: SubscriptionRunner,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  choose(offered: Set<string>): string | false {
    return handleProtocols(offered);
  }

  opened(socket: ProtocolSocket, request: IncomingMessage): (code: number, reason: string) => Promise<void> {
    return this.server.opened(socket, { socket, request });
  }

  /** False closes the socket with 4403. */
  private async connect({ connectionParams, extra }: SocketContext): Promise<boolean> {
    const given = connectionParams?.['authorization'] ?? connectionParams?.['Authorization'];
    const authorization = typeof given === 'string' ? given : extra.request.headers.authorization;
    try {
      extra.principal = await this.auth.authenticate(authorization);
    } catch (error) {
      if (isMailError(error) && error.code === 'UNAUTHENTICATED') return false;
      // The key could not be looked up: 4500 would tell clients never to come back.
      this.log.error({ error }, 'key could not be checked');
      await extra.socket.close(tryAgainLater, 'try again later');
      return true;
    }
    extra.release = this.counter.take(extra.principal.keyId);
    if (!extra.release) await extra.socket.close(tryAgainLater, 'this key has too many sockets open');
    return true;
  }

  private prepare({ extra, subscriptions }: SocketContext, payload: unknown): ExecutionArgs | readonly GraphQLError[] {
    if (Object.keys(subscriptions).length > MAX_SUBSCRIPTIONS_PER_SOCKET) {
      const message = `at most ${MAX_SUBSCRIPTIONS_PER_SOCKET} subscriptions on one socket`;
      return [toGraphqlError(new MailError('RATE_LIMITED', message, { retryAfterMs }))];
    }
    const prepared = prepareSubscription(this.schemaHost.schema, this.config.limits, payload);
    return prepared.ok ? { ...prepared.args, contextValue: extra } : prepared.errors;
  }

  private subscribe(args: ExecutionArgs): ResultStream {
    const { principal, request } = args.contextValue as Extra;
    if (!principal) throw new Error('a subscription came past authentication');
    return this.runner.run({ principal, requestUrl: requestUrl(request), args });
  }

  /** A stream that ended because its key is void takes the socket with it. */
  private async leaveIfRefused({ principal, socket }: Extra): Promise<void> {
    if (principal && !(await this.auth.isStillValid(principal)))
      await socket.close(CloseCode.Unauthorized, 'Unauthorized');
  }
}
