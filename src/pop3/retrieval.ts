import { Collector } from './collector.js';
import { MessageStream } from './message-stream.js';
import { aborted, limitExceeded, rejected, type Pop3Error } from './pop3.errors.js';
import { POP3_LIMITS } from './pop3.limits.js';
import { Reservoir, type Session } from './session.js';

export interface RetrieveRequest {
  /** From this session's own listing. */
  readonly number: number;
  /** By LIST; a hint only. Absent: the message is fetched alone. */
  readonly sizeBytes?: number;
}

/** One message, in the order asked for. `request` is the caller's own object. */
export type Retrieved<R> =
  /** All octets, exact, terminator seen. */
  | { readonly kind: 'whole'; readonly request: R; readonly octets: Buffer }
  /** Above 1 MiB: read it to its end before the next is asked for. It throws if the message breaks off; see MessageStream. */
  | { readonly kind: 'stream'; readonly request: R; readonly octets: AsyncIterable<Buffer> }
  /** -ERR: this message only; the others go on. */
  | { readonly kind: 'refused'; readonly request: R; readonly error: Pop3Error }
  /** The session died while this one was due, not by us; the last that is given, then the iteration throws the same error. */
  | { readonly kind: 'broken'; readonly request: R; readonly error: Pop3Error };

export interface RetrievalPlan<R> {
  readonly requests: Iterable<R>;
  readonly encode: (request: R) => Buffer;
  readonly weigh: (request: R) => number;
  readonly maxMessageBytes: number;
}

/** What a message costs beside its octets while it waits to be taken. */
const ITEM_BYTES = 512;

/**
 * Fetches messages one after the other through the session's window and hands them out as they are asked for. Runs ahead of its
 * reader by as much as the reservoir holds; past that the socket rests. Leaving early destroys the session: replies are under way
 * that nobody would read.
 */
export class Retrieval<R extends RetrieveRequest> implements AsyncIterableIterator<Retrieved<R>> {
  private readonly requests: Iterator<R>;
  private readonly reservoir: Reservoir;
  private readonly ready: Retrieved<R>[] = [];
  private outstanding = 0;
  private exhausted = false;
  private error?: Pop3Error;
  private wake?: () => void;
  /** The stream given out last. */
  private stream?: MessageStream;

  constructor(
    private readonly session: Session,
    private readonly plan: RetrievalPlan<R>,
  ) {
    this.requests = plan.requests[Symbol.iterator]();
    this.reservoir = new Reservoir(session);
  }

  async next(): Promise<IteratorResult<Retrieved<R>, undefined>> {
    if (this.stream && !this.stream.finished && !this.error) {
      this.session.fail(aborted(new Error('the next message was asked for in the middle of one')));
    }
    this.feed();
    for (;;) {
      const value = this.ready.shift();
      if (value) return { done: false, value: this.handOut(value) };
      if (this.error) throw this.error;
      if (this.exhausted && this.outstanding === 0) return { done: true, value: undefined };
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  async return(): Promise<IteratorResult<Retrieved<R>, undefined>> {
    this.exhausted = true;
    if (this.outstanding > 0) this.abandon();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private handOut(item: Retrieved<R>): Retrieved<R> {
    if (item.kind === 'stream' && item.octets instanceof MessageStream) this.stream = item.octets;
    this.reservoir.remove(ITEM_BYTES + (item.kind === 'whole' ? item.octets.length : 0));
    return item;
  }

  /** Twice the window is submitted, so that the pipeline can refill without asking. */
  private feed(): void {
    while (!this.exhausted && !this.error && this.outstanding < 2 * this.session.pipeline.window) {
      const { done, value } = this.requests.next();
      if (done) this.exhausted = true;
      else this.submit(value);
    }
  }

  private submit(request: R): void {
    this.outstanding++;
    const message = new IncomingMessage(request, this.plan.maxMessageBytes, {
      reservoir: this.reservoir,
      give: (item) => this.give(item),
      onAbandoned: () => this.abandon(),
    });
    this.session.submit({
      line: this.plan.encode(request),
      body: 'octets',
      alone: false,
      weightBytes: this.plan.weigh(request),
      onStatus: (reply) => {
        if (reply.kind === 'ok') return;
        this.give({ kind: 'refused', request, error: rejected(reply, 'command') });
        this.settled();
      },
      onOctets: (octets) => message.write(octets),
      onEnd: () => {
        message.end();
        this.settled();
      },
      onFailure: (error, wasDue) => this.fail(error, wasDue ? message : undefined),
    });
  }

  private give(item: Retrieved<R>): void {
    this.reservoir.add(ITEM_BYTES);
    this.ready.push(item);
    this.wake?.();
  }

  private settled(): void {
    this.outstanding--;
    this.feed();
    this.wake?.();
  }

  private fail(error: Pop3Error, broken: IncomingMessage<R> | undefined): void {
    broken?.fail(error);
    this.error ??= error;
    this.wake?.();
  }

  private abandon(): void {
    this.session.fail(aborted(new Error('the reader left')));
  }
}

interface MessageOwner<R> {
  readonly reservoir: Reservoir;
  readonly give: (item: Retrieved<R>) => void;
  readonly onAbandoned: () => void;
}

/** One message on its way in: gathered whole until it proves large, whatever LIST said. */
class IncomingMessage<R extends RetrieveRequest> {
  private collector?: Collector;
  private stream?: MessageStream;
  private receivedBytes = 0;

  constructor(
    private readonly request: R,
    private readonly maxBytes: number,
    private readonly owner: MessageOwner<R>,
  ) {}

  /** @throws Pop3Error `limit` above the account's bound: sizes by LIST may lie, octets cannot */
  write(octets: Buffer): void {
    this.receivedBytes += octets.length;
    if (this.receivedBytes > this.maxBytes) throw limitExceeded(`a message above ${this.maxBytes} octets`);
    this.owner.reservoir.add(octets.length);
    if (this.stream) return this.stream.write(octets);
    this.collector ??= new Collector(this.request.sizeBytes ?? 0);
    if (!this.collector.write(octets)) this.openStream(this.collector.take()).write(octets);
  }

  end(): void {
    if (this.stream) return this.stream.end();
    const octets = this.collector?.take() ?? Buffer.alloc(0);
    this.collector = undefined;
    this.owner.give({ kind: 'whole', request: this.request, octets });
  }

  fail(error: Pop3Error): void {
    this.collector = undefined;
    if (this.stream) this.stream.fail(error);
    else if (error.failure !== 'aborted') this.owner.give({ kind: 'broken', request: this.request, error });
  }

  private openStream(gathered: Buffer): MessageStream {
    const { reservoir, onAbandoned, give } = this.owner;
    this.stream = new MessageStream({ onTaken: (bytes) => reservoir.remove(bytes), onAbandoned });
    this.stream.write(gathered);
    this.collector = undefined;
    give({ kind: 'stream', request: this.request, octets: this.stream });
    return this.stream;
  }
}

/** TOP n: the header and so many lines of 78 characters, as far as anyone can tell beforehand. */
export const weighTop = (lines: number): number => Math.min(POP3_LIMITS.wholeMessageBytes, 4096 + lines * 80);

/** RETR; one whose size is not known counts as large. */
export const weighRetr = ({ sizeBytes }: RetrieveRequest): number => sizeBytes ?? POP3_LIMITS.wholeMessageBytes + 1;
