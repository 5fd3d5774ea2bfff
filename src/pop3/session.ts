import { countSpent } from '../common/spent-octets.js';
import { Pipeline, type Command } from './pipeline.js';
import { aborted, asSessionError, timedOut, type Pop3Error } from './pop3.errors.js';
import { POP3_LIMITS, type Pop3Timeouts } from './pop3.limits.js';
import type { Pop3WireLog } from './pop3.wire-log.js';
import { ProgressGuard } from './progress-guard.js';
import type { Transport } from './transport.js';

export interface SessionHooks {
  readonly wireLog?: Pop3WireLog;
  /** Once, however it ended. */
  readonly onEnd?: () => void;
}

/**
 * A connection in use: octets from the transport to the pipeline, a watchdog over both, and one way to end. Whatever goes wrong,
 * a reply out of place, a limit, silence, a lost connection, an abort, poisons the session: the socket is destroyed and every
 * command fails, so that nothing, least of all DELE or QUIT, is ever said to a server that may not be where we think it is.
 */
export class Session {
  readonly pipeline: Pipeline;
  /** Why it ended; undefined while it lives. */
  failure?: Pop3Error;
  /** More than one reply was due when it failed: the next session may try without PIPELINING. */
  failedWhilePipelining = false;

  private paused = false;
  private watchdog?: NodeJS.Timeout;
  private readonly guard: ProgressGuard;
  private readonly onAbort = (): void => this.fail(aborted(this.signal.reason));

  constructor(
    readonly transport: Transport,
    readonly timeouts: Pop3Timeouts,
    private readonly signal: AbortSignal,
    private readonly hooks: SessionHooks = {},
  ) {
    this.pipeline = new Pipeline((octets) => this.send(octets), hooks.wireLog);
    this.guard = new ProgressGuard(timeouts.progressMs, POP3_LIMITS.progressBytes);
    signal.addEventListener('abort', this.onAbort, { once: true });
    transport.listen({ onData: (chunk) => this.receive(chunk), onClose: (error) => this.fail(error) });
    if (signal.aborted) this.onAbort();
  }

  submit(command: Command): void {
    if (this.failure) return command.onFailure(this.failure, false);
    this.pipeline.submit(command);
    // The greeting is due without anything being sent.
    queueMicrotask(() => this.watch(false));
  }

  /** Stops reading, and with it the clock: our own slowness is not the server's. */
  pause(): void {
    if (this.paused || this.failure) return;
    this.paused = true;
    this.transport.pause();
    this.disarm();
  }

  resume(): void {
    if (!this.paused || this.failure) return;
    this.paused = false;
    this.transport.resume();
    this.guard.restart(performance.now());
    this.watch(true);
  }

  /** Poisons the session; only the first call counts. */
  fail(error: Pop3Error): void {
    if (this.failure) return;
    this.failure = error;
    this.failedWhilePipelining = this.pipeline.dueCount > 1;
    this.signal.removeEventListener('abort', this.onAbort);
    this.disarm();
    this.transport.destroy();
    this.hooks.wireLog?.remark(`session ended: ${error.message}`);
    this.hooks.onEnd?.();
    this.pipeline.fail(error);
  }

  /** Ends it without blame: it was our own wish. */
  close(): void {
    this.fail(aborted(new Error('the session was closed')));
  }

  get wireLog(): Pop3WireLog | undefined {
    return this.hooks.wireLog;
  }

  private send(octets: Buffer): void {
    this.wireLog?.sent(octets);
    this.transport.write(octets);
    this.watch(false);
  }

  private receive(chunk: Buffer): void {
    const { progress, ended, expecting } = this.pipeline;
    try {
      this.pipeline.receive(chunk);
    } catch (error) {
      return this.fail(asSessionError(error));
    }
    countSpent(chunk.length);
    if (this.pipeline.ended !== ended || expecting !== 'body') this.guard.restart(performance.now());
    else if (!this.guard.accept(chunk.length, performance.now())) return this.fail(timedOut('a message that trickles'));
    this.watch(this.pipeline.progress !== progress);
  }

  private watch(alive: boolean): void {
    const { expecting } = this.pipeline;
    if (this.failure || this.paused || expecting === 'nothing') return this.disarm();
    if (this.watchdog && !alive) return;
    this.disarm();
    const { idleMs, replyMs } = this.timeouts;
    const limitMs = expecting === 'body' ? idleMs : (this.pipeline.deadlineMs ?? replyMs);
    this.watchdog = setTimeout(() => this.fail(timedOut(`no ${expecting} within ${limitMs} ms`)), limitMs);
  }

  private disarm(): void {
    clearTimeout(this.watchdog);
    this.watchdog = undefined;
  }
}

/** Lets go of the reader when too much was received and not yet taken. */
export class Reservoir {
  private heldBytes = 0;

  constructor(private readonly session: Session) {}

  add(bytes: number): void {
    this.heldBytes += bytes;
    if (this.heldBytes > POP3_LIMITS.bufferedBytes) this.session.pause();
  }

  remove(bytes: number): void {
    this.heldBytes -= bytes;
    if (this.heldBytes <= POP3_LIMITS.bufferedBytes / 2) this.session.resume();
  }
}
