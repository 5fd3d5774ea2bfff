import { Inject, Injectable } from '@nestjs/common';
import { createSourceEventStream, execute, type ExecutionArgs, type FormattedExecutionResult } from 'graphql';
import { AuthService } from '../../auth/auth.service.js';
import type { Principal } from '../../auth/principal.js';
import { patiently } from '../../events/patiently.js';
import { MailError } from '../../mailbox/mailbox.errors.js';
import { ContextFactory } from '../context.factory.js';
import { errorResult, formatError } from '../error-format.js';
import type { SourceEvent } from './source-event.js';

export interface SubscriptionRequest {
  readonly principal: Principal;
  readonly requestUrl: string;
  readonly args: ExecutionArgs;
}

export type ResultStream = AsyncGenerator<FormattedExecutionResult, void, void>;

/** A key that was revoked is noticed at the next event, or, where nothing happens, this late. */
const recheckMs = 30_000;

/** Runs subscriptions for every door that streams. */
@Injectable()
export class SubscriptionRunner {
  constructor(
    @Inject(AuthService) private readonly auth: AuthService,
    @Inject(ContextFactory) private readonly contexts: ContextFactory,
  ) {}

  /**
   * Results as they come; the last one may be an error that ended the stream (CURSOR_EXPIRED, UNAUTHENTICATED …). One result is
   * made when one is asked for, so a client that does not read holds up nothing but itself. `return()` ends it at any moment.
   */
  run(request: SubscriptionRequest): ResultStream {
    const end = new AbortController();
    const results = this.results(request, end);
    const finish = results.return.bind(results);
    // A generator's own return() would wait for the next event, which may never come.
    results.return = (value) => {
      end.abort();
      return finish(value);
    };
    return results;
  }

  private async *results({ principal, requestUrl, args }: SubscriptionRequest, end: AbortController): ResultStream {
    const watch = new KeyWatch(this.auth, principal, end);
    try {
      const contextValue = this.contexts.create(principal, requestUrl, end.signal);
      const source = await createSourceEventStream({ ...args, contextValue });
      if (!(Symbol.asyncIterator in source)) {
        yield { errors: source.errors?.map(formatError) };
        return;
      }
      for await (const event of source as AsyncIterable<SourceEvent>) {
        await watch.check();
        if (end.signal.aborted) break;
        const result = await execute({ ...args, rootValue: event.root, contextValue: event.context });
        yield { ...result, errors: result.errors?.map(formatError) };
      }
      if (watch.refused) yield errorResult(watch.refused);
    } catch (error) {
      yield errorResult(watch.refused ?? error);
    } finally {
      watch.stop();
      end.abort();
    }
  }
}

/** Asks from time to time whether the key may still be used, and ends the stream when it may not. */
class KeyWatch {
  refused: MailError | undefined;
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly auth: AuthService,
    private readonly principal: Principal,
    private readonly end: AbortController,
  ) {
    this.timer = setInterval(() => void this.check().catch((error: unknown) => end.abort(error)), recheckMs);
    this.timer.unref();
  }

  /** Cheap enough for every event: `AuthService` remembers for a while. */
  async check(): Promise<void> {
    if (await patiently(() => this.auth.isStillValid(this.principal), this.end.signal)) return;
    this.refused = new MailError('UNAUTHENTICATED', 'the key was revoked or has expired');
    this.end.abort();
  }

  stop(): void {
    clearInterval(this.timer);
  }
}
