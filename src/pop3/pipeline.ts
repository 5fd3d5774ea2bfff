import { limitExceeded, protocolViolation, type Pop3Error } from './pop3.errors.js';
import { POP3_LIMITS } from './pop3.limits.js';
import type { Pop3WireLog } from './pop3.wire-log.js';
import { BodyDecoder } from './wire/body-decoder.js';
import { LineDecoder } from './wire/line-decoder.js';
import { parseReply, type StatusReply } from './wire/response.js';

/**
 * One command and who takes its reply. Callbacks run while octets are being read: they must not wait, and what they throw ends
 * the session.
 */
export interface Command {
  /** With its CRLF; empty for the greeting, which is a reply to nothing. */
  readonly line: Buffer;
  /** What follows a +OK: nothing, lines, or a message. */
  readonly body: 'none' | 'lines' | 'octets';
  /** No other command may be under way with it (RFC 2449 section 6.6: not past AUTH, STLS or QUIT). */
  readonly alone: boolean;
  /** What the reply is expected to weigh. */
  readonly weightBytes: number;
  /** For its status line, instead of the session's usual one. */
  readonly deadlineMs?: number;
  onStatus(reply: StatusReply): void;
  /** A line of a listing, dot removed; valid only during the call. */
  onLine?(line: Buffer): void;
  /** Some octets of the message; valid only during the call. */
  onOctets?(octets: Buffer): void;
  /** The terminator was seen. */
  onEnd?(): void;
  /** @returns the line to send in answer */
  onChallenge?(octets: Buffer): Buffer;
  /** The session ended first. @param wasDue its reply was the one being waited for or read */
  onFailure(error: Pop3Error, wasDue: boolean): void;
}

const DOT = 0x2e;

/**
 * Commands on their way and the replies due, strictly first in, first out. The octets belong to the oldest command; octets that
 * come when none is due are a violation. Knows no socket and no clock.
 */
export class Pipeline {
  /** Commands that may be under way at once: 1 unless the server announced PIPELINING. */
  window = 1;
  /** Counts up with every status line and every piece of a body: what a watchdog takes for life. */
  progress = 0;
  /** Counts the replies that were read to their end. */
  ended = 0;

  private readonly waiting: Command[] = [];
  private readonly due: Command[] = [];
  private dueBytes = 0;
  private pumpScheduled = false;
  private closed = false;
  private readonly statusLines = new LineDecoder(POP3_LIMITS.lineBytes);
  private body?: BodyDecoder | LineDecoder;

  constructor(
    private readonly write: (octets: Buffer) => void,
    private readonly wireLog?: Pop3WireLog,
  ) {}

  /** What the server owes now. */
  get expecting(): 'nothing' | 'status' | 'body' {
    if (this.due.length === 0) return 'nothing';
    return this.body ? 'body' : 'status';
  }

  get deadlineMs(): number | undefined {
    return this.due[0]?.deadlineMs;
  }

  get dueCount(): number {
    return this.due.length;
  }

  submit(command: Command): void {
    this.waiting.push(command);
    this.schedulePump();
  }

  /** @throws Pop3Error `protocol` or `limit`; the session is then lost */
  receive(chunk: Buffer): void {
    let position = 0;
    while (position < chunk.length && !this.closed) {
      const head = this.due[0];
      if (!head) throw protocolViolation('octets that no command asked for');
      if (this.body instanceof BodyDecoder) position = this.readOctets(this.body, head, chunk, position);
      else if (this.body) position = this.readLines(this.body, head, chunk, position);
      else position = this.readStatus(head, chunk, position);
    }
  }

  /** Ends it all: every command, sent or not, fails with `error`. */
  fail(error: Pop3Error): void {
    if (this.closed) return;
    this.closed = true;
    const [head] = this.due;
    for (const command of [...this.due.splice(0), ...this.waiting.splice(0)])
      command.onFailure(error, command === head);
  }

  private readStatus(head: Command, chunk: Buffer, position: number): number {
    const line = this.statusLines.next(chunk, position);
    if (!line) return this.statusLines.position;
    this.progress++;
    this.wireLog?.status(line);
    const reply = parseReply(line);
    if (reply.kind === 'challenge') {
      if (!head.onChallenge) throw protocolViolation('a challenge outside a sign-in');
      this.write(head.onChallenge(reply.octets));
    } else if (reply.kind === 'ok' && head.body !== 'none') {
      this.body = this.openBody(head);
      head.onStatus(reply);
    } else {
      this.finish(head);
      head.onStatus(reply);
    }
    return this.statusLines.position;
  }

  private openBody(head: Command): BodyDecoder | LineDecoder {
    const ending = this.statusLines.ending ?? 'CRLF';
    if (head.body === 'lines') return new LineDecoder(POP3_LIMITS.lineBytes, ending);
    return new BodyDecoder(ending, (octets) => head.onOctets?.(octets));
  }

  private readOctets(decoder: BodyDecoder, head: Command, chunk: Buffer, position: number): number {
    this.progress++;
    const end = decoder.push(chunk, position);
    this.wireLog?.message((end === -1 ? chunk.length : end) - position);
    if (end === -1) return chunk.length;
    this.endBody(head);
    return end;
  }

  private readLines(decoder: LineDecoder, head: Command, chunk: Buffer, position: number): number {
    this.progress++;
    const line = decoder.next(chunk, position);
    if (!line) return decoder.position;
    if (line.length > 1 || line[0] !== DOT) this.wireLog?.row(line);
    if (line[0] !== DOT) head.onLine?.(line);
    else if (line.length === 1) this.endBody(head);
    else head.onLine?.(line.subarray(1));
    return decoder.position;
  }

  private endBody(head: Command): void {
    this.wireLog?.bodyEnded();
    this.body = undefined;
    this.finish(head);
    head.onEnd?.();
  }

  private finish(head: Command): void {
    this.ended++;
    this.due.shift();
    this.dueBytes -= head.weightBytes;
    this.schedulePump();
  }

  /** Commands submitted in one turn go out as one write. */
  private schedulePump(): void {
    if (this.pumpScheduled || this.waiting.length === 0) return;
    this.pumpScheduled = true;
    queueMicrotask(() => {
      this.pumpScheduled = false;
      this.pump();
    });
  }

  /** Refills at half, so that small commands share segments and the server never waits for us. */
  private pump(): void {
    if (this.closed || this.due.length > this.window >> 1) return;
    const lines: Buffer[] = [];
    for (let next = this.waiting[0]; next && this.mayFollow(next); next = this.waiting[0]) {
      this.waiting.shift();
      this.due.push(next);
      this.dueBytes += next.weightBytes;
      if (next.line.length > 0) lines.push(next.line);
    }
    if (lines.length > 0) this.write(lines.length === 1 ? lines[0]! : Buffer.concat(lines));
  }

  private mayFollow(next: Command): boolean {
    const [first] = this.due;
    if (!first) return true;
    if (standsAlone(first) || standsAlone(next)) return false;
    return this.due.length < this.window && this.dueBytes + next.weightBytes <= POP3_LIMITS.windowBytes;
  }
}

const standsAlone = (command: Command): boolean => command.alone || command.weightBytes > POP3_LIMITS.wholeMessageBytes;

/** Adds up what a listing weighs. @returns a function that throws Pop3Error `limit` above the bounds */
export function listingGuard(maxLines: number): (line: Buffer) => void {
  let lines = 0;
  let bytes = 0;
  return (line) => {
    lines++;
    bytes += line.length + 2;
    if (lines > maxLines || bytes > POP3_LIMITS.listingBytes) throw limitExceeded(`a listing above ${maxLines} lines`);
  };
}
