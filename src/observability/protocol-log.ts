import { Injectable } from '@nestjs/common';
import type { ConnectionStep, WireLog } from '../mailbox/connection.port.js';
import type { AccountId } from '../mailbox/model/ids.js';
import { blockBytes, pack, unpack } from './packed-lines.js';

/** Of all accounts together; each has its share, which shrinks as accounts become more. */
const totalBytes = 2 * 1024 * 1024;
const maxAccountBytes = 16 * 1024;
const minAccountBytes = 1024;
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

/** Lines in order, in a few packed blocks, the newest as they are. */
class ProtocolLog {
  private readonly blocks: string[] = [];
  private newest = '';
  private packedBytes = 0;
  private connections = 0;

  nextConnection(): number {
    this.connections += 1;
    return this.connections;
  }

  add(text: string, maxBytes: number): void {
    const lines = Buffer.from(`${this.newest}${Date.now()} ${text}\n`);
    // A copy: what was cut from or put together of other texts would keep those in memory, and each part takes some itself.
    this.newest = lines.length < blockBytes ? lines.toString() : '';
    if (this.newest !== '') return;
    const block = pack(lines);
    this.blocks.push(block);
    this.packedBytes += block.length;
    this.shrink(maxBytes);
  }

  /** By whole blocks, so that not every line moves all others. */
  shrink(maxBytes: number): void {
    while (this.packedBytes > maxBytes && this.blocks.length > 1) this.packedBytes -= this.blocks.shift()!.length;
  }

  last(count: number): readonly string[] {
    const lines = `${this.blocks.map(unpack).join('')}${this.newest}`.split('\n').slice(0, -1);
    return lines.slice(-count).map(toShown);
  }
}

function toShown(line: string): string {
  const end = line.indexOf(' ');
  return `${new Date(Number(line.slice(0, end))).toISOString()} ${line.slice(end + 1)}`;
}

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
