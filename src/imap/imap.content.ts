import { sleep } from '../common/sleep.js';
import type { FetchedPart, PartRequest } from '../mailbox/keeper.port.js';
import { isMailError, notFound } from '../mailbox/mailbox.errors.js';
import type { MessageId } from '../mailbox/model/ids.js';
import type { Mailbox } from '../mailbox/model/mailbox.js';
import type { Message, Part, ReadMessage } from '../mailbox/model/message.js';
import { readAhead } from './delta/read-ahead.js';
import type { FetchItems } from './imap.flow.js';
import type { SelectedMailbox } from './imap.selection.js';
import { rejected } from './imap.errors.js';
import { briefSessionIdleMs, maxHeaderBytes, maxLiteralBytes, streamChunkBytes } from './imap.limits.js';
import type { FetchedRow } from './imap.mapping.js';
import type { ImapSessionPool, SessionLease } from './imap.session-pool.js';
import { lines, place } from './remote-messages.js';

/** Which octets of a message: all of it, or the section of a part (RFC 9051 section 6.4.5.1). */
type Section = { readonly kind: 'raw' } | { readonly kind: 'part'; readonly key: string };

interface PartsGroup {
  /** Messages that are asked for the same parts. */
  readonly requests: PartRequest[];
  readonly parts: readonly { readonly partNumber: string; readonly maxBytes: number }[];
}

const maxPieceRetries = 3;
const firstPieceRetryMs = 500;

/** Octets of messages, read from the server when somebody wants them; nothing is kept. */
export class ImapContent {
  constructor(private readonly pool: ImapSessionPool) {}

  async fetchHeader(mailbox: Mailbox, message: Message, signal: AbortSignal): Promise<Buffer> {
    const items = { uid: true, bodyParts: [{ key: 'HEADER', start: 0, maxLength: maxHeaderBytes }] };
    const row = await this.fetchRow(mailbox, message, items, signal);
    return row.headers ?? Buffer.alloc(0);
  }

  async fetchParts(
    mailbox: Mailbox,
    requests: readonly PartRequest[],
    signal: AbortSignal,
  ): Promise<readonly FetchedPart[]> {
    const lease = await this.pool.lease(mailbox.path, signal);
    try {
      const fetched: FetchedPart[] = [];
      for (const group of groupByParts(requests)) {
        const found = await fetchGroup(lease, group, signal);
        const missed = group.requests.filter(({ message }) => !found.some(({ messageId }) => messageId === message.id));
        fetched.push(...found);
        if (missed.length === 0 || !lease.warm) continue;
        // A session knows only of messages that it was told of: let it be told, and ask once more.
        await lease.connection.noop(signal);
        fetched.push(...(await fetchGroup(lease, { ...group, requests: missed }, signal)));
      }
      return fetched;
    } finally {
      lease.release();
    }
  }

  /** Of many messages by one question; none where the server makes no previews (RFC 8970). */
  async fetchPreviews(
    mailbox: Mailbox,
    messages: readonly Message[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<MessageId, string>> {
    const previews = new Map<MessageId, string>();
    const lease = await this.pool.lease(mailbox.path, signal);
    const { connection } = lease;
    try {
      if (!connection.has('PREVIEW')) return previews;
      const { placed } = place(messages, lease.mailbox.uidValidity);
      for (const { uids, messages: named } of lines(placed)) {
        const told = await connection.fetchPreviews(uids, signal);
        for (const { uid, message } of named) {
          const text = told.get(uid);
          if (text !== undefined) previews.set(message.id, text);
        }
      }
      return previews;
    } catch (error) {
      // It announces more than it does: texts are read instead.
      if (connection.usable && isMailError(error)) return previews;
      throw error;
    } finally {
      lease.release(briefSessionIdleMs);
    }
  }

  openRaw(mailbox: Mailbox, message: Message, signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
    return this.open(mailbox, message, { kind: 'raw' }, signal);
  }

  openPart(mailbox: Mailbox, message: Message, part: Part, signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
    // The root multipart has no number: its body is the message's text.
    const key = part.partNumber === '' ? 'TEXT' : part.partNumber;
    return this.open(mailbox, message, { kind: 'part', key }, signal);
  }

  /** The exact octets; nothing is read before the first is wanted. @throws MailError NOT_FOUND, CONFLICT, SERVER_REJECTED */
  streamRaw(mailbox: Mailbox, message: Message, signal: AbortSignal): AsyncIterable<Buffer> {
    return readAhead(this.pieces(mailbox, message, { kind: 'raw' }, signal));
  }

  /**
   * How many octets `streamRaw` gives. Some servers say the size of another form of the message than they send, so the last octet
   * must be where the size says; where it is not, all are counted.
   */
  async measureRaw(mailbox: Mailbox, message: Message, signal: AbortSignal): Promise<number> {
    const { sizeBytes } = message;
    if (sizeBytes > 0) {
      const lastOctet = { uid: true, source: { start: sizeBytes - 1, maxLength: 2 } };
      const { source } = await this.fetchRow(mailbox, message, lastOctet, signal);
      if (source?.length === 1) return sizeBytes;
    }
    let counted = 0;
    for await (const piece of this.streamRaw(mailbox, message, signal)) counted += piece.length;
    if (counted === 0 && sizeBytes > 0) throw rejected('the mail server gives nothing of a message that it lists');
    return counted;
  }

  /** The first piece is read before anything is promised, so that a message that is gone is an error and not an empty file. */
  private async open(
    mailbox: Mailbox,
    message: Message,
    section: Section,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Buffer>> {
    const pieces = readAhead(this.pieces(mailbox, message, section, signal));
    const first = await pieces.next();
    return (async function* () {
      try {
        if (first.done) return;
        yield first.value;
        yield* pieces;
      } finally {
        await pieces.return(undefined);
      }
    })();
  }

  /** Each piece is asked for on its own, so that a slow reader holds no connection, and a large message no memory. */
  private async *pieces(
    mailbox: Mailbox,
    message: Message,
    section: Section,
    signal: AbortSignal,
  ): AsyncGenerator<Buffer, void, undefined> {
    for (let start = 0; ; start += streamChunkBytes) {
      const items = itemsOf(section, start);
      const row = await (start === 0
        ? this.fetchRow(mailbox, message, items, signal)
        : this.fetchLaterRow(mailbox, message, items, signal));
      const octets = section.kind === 'raw' ? row.source : row.bodyParts?.get(section.key.toLowerCase());
      if (!octets && start === 0) throw notFound('part');
      const length = octets?.length ?? 0;
      // Some servers ignore where to begin: the same octets again would be another message.
      if (length > streamChunkBytes) throw rejected('the mail server sent other octets than it was asked for');
      if (octets && length > 0) yield octets;
      if (length < streamChunkBytes) return;
    }
  }

  /** A connection that is lost in the middle does not end what may have taken long: the piece is asked for on another one. */
  private async fetchLaterRow(
    mailbox: Mailbox,
    message: Message,
    items: FetchItems,
    signal: AbortSignal,
  ): Promise<FetchedRow> {
    for (let failures = 0; ; failures += 1) {
      try {
        return await this.fetchRow(mailbox, message, items, signal);
      } catch (error) {
        const mayPass = isMailError(error) && error.code === 'CONNECTION_FAILED' && !signal.aborted;
        if (!mayPass || failures >= maxPieceRetries) throw error;
        await sleep(firstPieceRetryMs * 2 ** failures, signal);
      }
    }
  }

  private async fetchRow(
    mailbox: Mailbox,
    message: Message,
    items: FetchItems,
    signal: AbortSignal,
  ): Promise<FetchedRow> {
    const lease = await this.pool.lease(mailbox.path, signal);
    try {
      const uid = uidOf(lease.mailbox, message);
      const row = await lease.connection.fetchOne(uid, items, signal);
      if (row) return row;
      if (lease.warm) {
        await lease.connection.noop(signal);
        const again = await lease.connection.fetchOne(uid, items, signal);
        if (again) return again;
      }
      throw notFound('message');
    } finally {
      lease.release();
    }
  }
}

const itemsOf = (section: Section, start: number): FetchItems => {
  const partial = { start, maxLength: streamChunkBytes };
  return section.kind === 'raw'
    ? { uid: true, source: partial }
    : { uid: true, bodyParts: [{ key: section.key, ...partial }] };
};

/** @throws MailError CONFLICT */
function uidOf({ uidValidity }: SelectedMailbox, message: Message): number {
  const { placed, failed } = place([message], uidValidity);
  const [problem] = failed;
  if (problem && !problem.ok) throw problem.error;
  return placed[0]!.uid;
}

function groupByParts(requests: readonly PartRequest[]): readonly PartsGroup[] {
  const ofMessage = new Map<Message, PartRequest[]>();
  for (const request of requests) {
    ofMessage.set(request.message, [...(ofMessage.get(request.message) ?? []), request]);
  }
  const groups = new Map<string, PartsGroup>();
  for (const wanted of ofMessage.values()) {
    const parts = wanted.map(({ partNumber, maxBytes }) => ({
      partNumber,
      maxBytes: Math.min(maxBytes, maxLiteralBytes),
    }));
    const key = JSON.stringify(parts);
    const group = groups.get(key) ?? { requests: [], parts };
    group.requests.push(wanted[0]!);
    groups.set(key, group);
  }
  return [...groups.values()];
}

async function fetchGroup(
  { connection, mailbox }: SessionLease,
  { requests, parts }: PartsGroup,
  signal: AbortSignal,
): Promise<readonly FetchedPart[]> {
  const { placed } = place(
    requests.map(({ message }) => message),
    mailbox.uidValidity,
  );
  const bodyParts = parts.map(({ partNumber, maxBytes }) => ({
    key: keyOf(partNumber),
    start: 0,
    maxLength: maxBytes,
  }));
  const fetched: FetchedPart[] = [];
  for (const { uids, messages } of lines(placed)) {
    const byUid = new Map(messages.map((one) => [one.uid, one]));
    const toItem = (row: FetchedRow): FetchedPart[] => toFetchedParts(row, byUid.get(row.uid)?.message, parts);
    for await (const rows of connection.fetch(uids, { uid: true, bodyParts }, { toItem, uid: true }, signal)) {
      fetched.push(...rows.flat());
    }
  }
  return fetched;
}

const keyOf = (partNumber: string): string => (partNumber === '' ? 'TEXT' : partNumber);

function toFetchedParts(row: FetchedRow, message: ReadMessage | undefined, parts: PartsGroup['parts']): FetchedPart[] {
  if (!message) return [];
  return parts.flatMap(({ partNumber, maxBytes }) => {
    const octets = row.bodyParts?.get(keyOf(partNumber).toLowerCase());
    if (!octets) return [];
    const truncated =
      octets.length > maxBytes || (octets.length === maxBytes && sizeOf(message.root, partNumber) > maxBytes);
    return [{ messageId: message.id, partNumber, octets: octets.subarray(0, maxBytes), truncated }];
  });
}

/** As the server said; what it did not say is taken for more. */
function sizeOf(part: Part, partNumber: string): number {
  if (part.partNumber === partNumber) return part.sizeBytes || Infinity;
  return part.parts.map((child) => sizeOf(child, partNumber)).find((size) => size >= 0) ?? -1;
}
