import { Inject, Injectable, type BeforeApplicationShutdown, type OnModuleDestroy } from '@nestjs/common';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import type { Request, Response } from 'express';
import { CONFIG, type Config } from '../../config/config.js';
import { requestUrl } from '../../http/request-url.js';
import { sendError } from '../../http/send-error.js';
import { MailError } from '../../mailbox/mailbox.errors.js';
import { formatError } from '../error-format.js';
import { sayFarewell } from './farewell.js';
import { principalOf } from './http-request.js';
import { prepareSubscription } from './prepare-subscription.js';
import { MAX_SSE_STREAMS_PER_KEY, OpenCounter } from './stream-limits.js';
import { SubscriptionRunner, type ResultStream } from './subscription.runner.js';

const keepAliveMs = 12_000;
const retryAfterMs = 5_000;
/** A client that takes nothing for so long is gone, whatever its connection says. */
const stuckMs = 60_000;
/** Time to take the last octets in; then the connection is cut. */
const closeMs = 2_000;
/** When a client whose stream was closed comes back: a moment between these two. */
const comeBackMs = { first: 1_000, last: 5_000 };

/**
 * Subscriptions as server-sent events: the "distinct connections" mode of the GraphQL over SSE protocol. Written here and not
 * with graphql-sse's handler, which queues results without bound for a client that does not read.
 */
@Injectable()
export class SseDoor implements OnModuleDestroy, BeforeApplicationShutdown {
  private readonly counter = new OpenCounter(MAX_SSE_STREAMS_PER_KEY);
  private readonly open = new Set<Response>();
  private leaving: Promise<void> | undefined;

  constructor(
    @Inject(GraphQLSchemaHost) private readonly schemaHost: GraphQLSchemaHost,
    @Inject(SubscriptionRunner) private readonly runner: SubscriptionRunner,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async serve(request: Request, response: Response, params: unknown): Promise<void> {
    const principal = principalOf(response);
    const release = this.counter.take(principal.keyId);
    if (!release) {
      sendError(response, new MailError('RATE_LIMITED', 'this key has too many streams open', { retryAfterMs }));
      return;
    }
    try {
      const prepared = prepareSubscription(this.schemaHost.schema, this.config.limits, params);
      startEvents(response);
      if (this.leaving) return await sayGoodBye(response);
      if (!prepared.ok) {
        await writeEvent(response, 'next', { errors: prepared.errors.map(formatError) });
        await finish(response);
        return;
      }
      await this.stream(response, this.runner.run({ principal, requestUrl: requestUrl(request), args: prepared.args }));
    } finally {
      release();
    }
  }

  private async stream(response: Response, results: ResultStream): Promise<void> {
    const end = (): void => void results.return();
    response.once('close', end);
    this.open.add(response);
    const keepAlive = setInterval(() => {
      if (!response.writableNeedDrain && !isOver(response)) response.write(':\n\n');
    }, keepAliveMs);
    try {
      for await (const result of results) await writeEvent(response, 'next', result);
      if (!isOver(response)) await finish(response);
    } finally {
      clearInterval(keepAlive);
      this.open.delete(response);
      response.off('close', end);
      response.end();
    }
  }

  onModuleDestroy(): void {
    this.leaving = sayFarewell(this.open, sayGoodBye);
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.leaving;
  }
}

function startEvents(response: Response): void {
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
  });
  // Some browsers give out the response only when its first octets are there.
  response.write(':\n\n');
}

/** Without `complete`: to the client the stream broke, so it comes back and resumes, after as long as it is asked to wait. */
function sayGoodBye(response: Response): Promise<void> {
  if (isOver(response)) return Promise.resolve();
  const { first, last } = comeBackMs;
  return new Promise((resolve) => {
    const cut = setTimeout(() => response.destroy(), closeMs);
    response.once('close', () => {
      clearTimeout(cut);
      resolve();
    });
    response.end(`retry: ${Math.round(first + Math.random() * (last - first))}\n\n`);
  });
}

const isOver = ({ destroyed, writableEnded }: Response): boolean => destroyed || writableEnded;

async function finish(response: Response): Promise<void> {
  await writeEvent(response, 'complete', undefined);
  response.end();
}

/** Resolves when the client has room again, or is gone. */
function writeEvent(response: Response, event: 'next' | 'complete', data: unknown): Promise<void> {
  const text = `event: ${event}\ndata:${data === undefined ? '' : ` ${JSON.stringify(data)}`}\n\n`;
  if (isOver(response) || response.write(text)) return Promise.resolve();
  return new Promise((resolve) => {
    const stuck = setTimeout(() => response.destroy(), stuckMs);
    const settled = (): void => {
      clearTimeout(stuck);
      response.off('drain', settled);
      response.off('close', settled);
      resolve();
    };
    response.once('drain', settled);
    response.once('close', settled);
  });
}
