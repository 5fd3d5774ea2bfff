import { Injectable } from '@nestjs/common';
import type { ConnectionStep, WireLog } from '../mailbox/connection.port.js';
import type { AccountId } from '../mailbox/model/ids.js';

interface Line {
  readonly atMs: number;
  readonly text: string;
}

/** Of all accounts together; each has its share, which shrinks as accounts become more. */
const totalBytes = 16 * 1024 * 1024;
const maxAccountBytes = 64 * 1024;
const minAccountBytes = 2 * 1024;
/** What V8 keeps of a line beside its characters. */
const lineOverheadBytes = 64;
const maxLineChars = 600;

/**
 * The last lines of every account's connections, of this instance and in memory only: the first question about a mail server is
 * what it said. An account costs nothing before its first line, and never more than its share.
 */
@Injectable()
export class ProtocolLogs {
  private readonly logs = new Map<AccountId, ProtocolLog>();
  readonly since = new Date();

  of(accountId: AccountId): WireLog {
    return {
      note: (from, connection, text) =>
        this.logOf(accountId).add(`${connection} ${from}: ${visible(text)}`, this.share),
      nextConnection: () => this.logOf(accountId).nextConnection(),
    };
  }

  /** The newest `count`, oldest first: time, number of the connection, C or S, what was said. */
  last(accountId: AccountId, count: number): readonly string[] {
    return this.logs.get(accountId)?.last(count) ?? [];
  }

  forget(accountId: AccountId): void {
    this.logs.delete(accountId);
  }

  /** Octets of memory one account may take now. */
  private get share(): number {
    return Math.max(minAccountBytes, Math.min(maxAccountBytes, totalBytes / Math.max(1, this.logs.size)));
  }

  private logOf(accountId: AccountId): ProtocolLog {
    const known = this.logs.get(accountId);
    if (known) return known;
    const log = new ProtocolLog();
    this.logs.set(accountId, log);
    // Each time they have doubled those that say nothing any more give back what is above their new share.
    if (Number.isInteger(Math.log2(this.logs.size))) for (const each of this.logs.values()) each.shrink(this.share);
    return log;
  }
}

class ProtocolLog {
  private lines: Line[] = [];
  private bytes = 0;
  private connections = 0;

  nextConnection(): number {
    this.connections += 1;
    return this.connections;
  }

  add(line: string, maxBytes: number): void {
    // A copy: what was cut from or put together of longer texts would keep those in memory.
    const text = Buffer.from(line).toString();
    this.lines.push({ atMs: Date.now(), text });
    this.bytes += sizeOf(text);
    if (this.bytes > maxBytes) this.shrink(maxBytes * 0.9);
  }

  /** Down to somewhat less than allowed, so that not every line moves all others. */
  shrink(maxBytes: number): void {
    let gone = 0;
    for (; gone < this.lines.length && this.bytes > maxBytes; gone += 1) this.bytes -= sizeOf(this.lines[gone]!.text);
    if (gone > 0) this.lines = this.lines.slice(gone);
  }

  last(count: number): readonly string[] {
    return this.lines.slice(-count).map(({ atMs, text }) => `${new Date(atMs).toISOString()} ${text}`);
  }
}

const sizeOf = (text: string): number => text.length + lineOverheadBytes;

/** A step of a sign-in, for `WireLog.note`. */
export const describeStep = ({ name, ok, durationMs, detail = '' }: ConnectionStep): string =>
  `${name} ${ok ? 'ok' : 'failed'}, ${durationMs} ms ${detail}`.trimEnd();

/** Control characters and bidirectional overrides could forge a line, or hide one from who reads it in a terminal. */
function visible(latin1: string): string {
  const cut = latin1.length > maxLineChars;
  const kept = cut ? latin1.slice(0, maxLineChars) : latin1;
  const text = /^[\x20-\x7e]*$/.test(kept) ? kept : decoded(kept);
  return cut ? `${text}…` : text;
}

const decoded = (latin1: string): string =>
  Buffer.from(latin1, 'latin1')
    .toString('utf8')
    .replace(
      /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu,
      (char) => `\\x${char.codePointAt(0)!.toString(16).padStart(2, '0')}`,
    );
