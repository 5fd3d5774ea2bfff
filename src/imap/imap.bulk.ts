import type { RawMessage } from '../mailbox/keeper.port.js';
import { isMailError } from '../mailbox/mailbox.errors.js';
import type { Mailbox } from '../mailbox/model/mailbox.js';
import type { Message } from '../mailbox/model/message.js';
import { readAhead } from './delta/read-ahead.js';
import type { ImapContent } from './imap.content.js';
import { maxBulkMessages, streamChunkBytes, targetWindowBytes } from './imap.limits.js';
import type { FetchedRow } from './imap.mapping.js';
import type { ImapSessionPool, SessionLease } from './imap.session-pool.js';
import { lines, place } from './remote-messages.js';

/** Octets of many messages: small ones by windows, one question for each; large ones piece by piece. */
export class ImapBulk {
  constructor(
    private readonly pool: ImapSessionPool,
    private readonly content: ImapContent,
  ) {}

  /** The next window is fetched while the receiver works on the one before; between windows no connection is held. */
  async *openMany(mailbox: Mailbox, messages: readonly Message[], signal: AbortSignal): AsyncGenerator<RawMessage> {
    for await (const window of readAhead(this.windows(mailbox, messages, signal))) yield* window;
  }

  private async *windows(
    mailbox: Mailbox,
    messages: readonly Message[],
    signal: AbortSignal,
  ): AsyncGenerator<readonly RawMessage[], void, undefined> {
    for (const window of toWindows(messages)) {
      yield isSmall(window[0]!)
        ? await this.fetchWindow(mailbox, window, signal)
        : await this.openLarge(mailbox, window[0]!, signal);
    }
  }

  private async fetchWindow(
    mailbox: Mailbox,
    window: readonly Message[],
    signal: AbortSignal,
  ): Promise<readonly RawMessage[]> {
    const octetsOf = await this.fetchOctets(mailbox, window, signal);
    const read: RawMessage[] = [];
    for (const message of window) {
      const octets = octetsOf.get(message);
      if (octets && octets.length < streamChunkBytes)
        read.push({ message, sizeBytes: octets.length, octets: [octets] });
      // Larger than the server had said: this is only its beginning.
      else if (octets) read.push(...(await this.openLarge(mailbox, message, signal)));
    }
    return read;
  }

  private async fetchOctets(
    mailbox: Mailbox,
    window: readonly Message[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<Message, Buffer>> {
    const lease = await this.pool.lease(mailbox.path, signal);
    try {
      // A session knows only of messages that it was told of.
      if (lease.warm) await lease.connection.noop(signal);
      return await readOctets(lease, window, signal);
    } finally {
      lease.release();
    }
  }

  private async openLarge(mailbox: Mailbox, message: Message, signal: AbortSignal): Promise<readonly RawMessage[]> {
    try {
      const sizeBytes = await this.content.measureRaw(mailbox, message, signal);
      return [{ message, sizeBytes, octets: this.content.streamRaw(mailbox, message, signal) }];
    } catch (error) {
      if (isMailError(error) && (error.code === 'NOT_FOUND' || error.code === 'CONFLICT')) return [];
      throw error;
    }
  }
}

/** At most `streamChunkBytes` of each; no more messages than about `targetWindowBytes` hold, whatever the server had said. */
async function readOctets(
  { connection, mailbox }: SessionLease,
  window: readonly Message[],
  signal: AbortSignal,
): Promise<ReadonlyMap<Message, Buffer>> {
  const octetsOf = new Map<Message, Buffer>();
  const items = { uid: true, source: { start: 0, maxLength: streamChunkBytes } };
  let bytes = 0;
  for (const { uids, messages } of lines(place(window, mailbox.uidValidity).placed)) {
    const byUid = new Map(messages.map(({ uid, message }) => [uid, message]));
    for await (const rows of connection.fetch(uids, items, { toItem: toOctets, uid: true }, signal)) {
      for (const { uid, source } of rows) {
        const message = byUid.get(uid);
        if (!message) continue;
        octetsOf.set(message, source);
        bytes += source.length;
      }
      if (bytes > 2 * targetWindowBytes) return octetsOf;
    }
  }
  return octetsOf;
}

/** Nothing at all stands for what the server could not read. */
const toOctets = ({ uid, source }: FetchedRow): { uid: number; source: Buffer } | undefined =>
  source && source.length > 0 ? { uid, source } : undefined;

/** In order; a message that is not small makes a window of its own. */
function* toWindows(messages: readonly Message[]): Generator<readonly Message[]> {
  let window: Message[] = [];
  let bytes = 0;
  for (const message of messages) {
    const fits = bytes + message.sizeBytes <= targetWindowBytes && window.length < maxBulkMessages;
    if (window.length > 0 && !(isSmall(message) && fits)) {
      yield window;
      window = [];
      bytes = 0;
    }
    if (!isSmall(message)) {
      yield [message];
      continue;
    }
    window.push(message);
    bytes += message.sizeBytes;
  }
  if (window.length > 0) yield window;
}

/** A size of 0 is one that nobody knows. */
const isSmall = ({ sizeBytes }: Message): boolean => sizeBytes > 0 && sizeBytes < streamChunkBytes;
