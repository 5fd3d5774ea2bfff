import type { RemoteFlags, RemoteMessage, SyncBatch } from '../../mailbox/keeper.port.js';
import type { Uid } from '../../mailbox/model/ids.js';
import type { SyncCheckpoint } from '../../mailbox/model/mailbox.js';
import type { FetchOptions, ImapConnection } from '../imap.connection.js';
import { maxSetChars } from '../imap.limits.js';
import { messageItems, toRemoteMessage, type FetchedRow } from '../imap.mapping.js';
import { UidSet } from '../uid-set.js';
import { isOdd, repairEnvelopes } from './odd-headers.js';
import { fetchStub, isFatal, type LostFetch, type UnreadableMessage } from './unreadable.js';

interface BatchContent {
  readonly messages?: readonly RemoteMessage[];
  readonly flags?: readonly RemoteFlags[];
  readonly vanished?: readonly Uid[];
}

interface SyncRunOptions {
  readonly connection: ImapConnection;
  readonly checkpoint: SyncCheckpoint;
  /** The first batch says that all UIDs known before are void. */
  readonly reset: boolean;
  /** Messages over which the server ends the connection. */
  readonly unreadable: ReadonlyMap<number, UnreadableMessage>;
  readonly signal: AbortSignal;
}

/**
 * Dovecot answers with this for a message that others have expunged since the session heard of it (RFC 9051 section 7.5.1 wants
 * the session to be told later). Were it news, it would be a message of nobody without a word.
 */
const isEmpty = ({ data: { sizeBytes, internalDate } }: RemoteMessage): boolean =>
  sizeBytes === 0 && internalDate.getTime() === 0;

const toItem = (row: FetchedRow): RemoteMessage | undefined => {
  const message = toRemoteMessage(row);
  return message && !isEmpty(message) ? message : undefined;
};

type MessageRange = Pick<FetchOptions<RemoteMessage>, 'uid'>;

/** One synchronisation under way: the connection it runs on, and the checkpoint as of the batch given last. */
export class SyncRun {
  readonly connection: ImapConnection;
  readonly signal: AbortSignal;
  checkpoint: SyncCheckpoint;
  /** A batch was given, so `checkpoint` is what the receiver has. */
  begun = false;
  /** What was being read when the connection ended. */
  lost: LostFetch | undefined;
  private readonly unreadable: ReadonlyMap<number, UnreadableMessage>;
  private resetPending: boolean;
  /** Read, but not given yet. */
  private held: RemoteMessage[] = [];

  constructor({ connection, checkpoint, reset, unreadable, signal }: SyncRunOptions) {
    this.connection = connection;
    this.signal = signal;
    this.checkpoint = checkpoint;
    this.resetPending = reset;
    this.unreadable = unreadable;
  }

  /** Moves the watermarks to what this batch and those before it cover. */
  batch(content: BatchContent, watermarks: Partial<SyncCheckpoint> = {}): SyncBatch {
    this.checkpoint = { ...this.checkpoint, ...watermarks };
    this.begun = true;
    const reset = this.resetPending;
    this.resetPending = false;
    return {
      reset,
      messages: content.messages ?? [],
      flags: content.flags ?? [],
      vanished: content.vanished ?? [],
      checkpoint: this.checkpoint,
      messagesTotal: this.connection.exists,
    };
  }

  /** What is given may not be said to reach beyond this UID. */
  get firstHeldUid(): number {
    return this.held.reduce((first, { uid }) => Math.min(first, uid), Infinity);
  }

  /** Of those that cannot be read only stubs come. */
  async *fetchMessages(
    range: string,
    options: MessageRange,
  ): AsyncGenerator<readonly RemoteMessage[], void, undefined> {
    if (this.unreadable.size === 0) {
      yield* this.read(range, options);
      return;
    }
    const found = await this.connection.search(options.uid ? { uid: range } : { seq: range }, this.signal);
    yield* this.fetchSet(UidSet.parse(found));
  }

  async *fetchSet(uids: UidSet): AsyncGenerator<readonly RemoteMessage[], void, undefined> {
    const unreadable = [...this.unreadable.values()].filter(({ uid }) => uids.has(uid));
    const readable = uids.without(unreadable.map(({ uid }) => uid).sort((a, b) => a - b));
    for (const line of readable.lines(maxSetChars)) yield* this.read(line, { uid: true });
    const stubs: RemoteMessage[] = [];
    for (const { uid, message } of unreadable) {
      const stub = message ?? (await fetchStub(this.connection, uid, this.signal));
      if (stub) stubs.push(stub);
    }
    if (stubs.length > 0) yield stubs;
  }

  private async *read(range: string, { uid }: MessageRange): AsyncGenerator<readonly RemoteMessage[], void, undefined> {
    let lastUid = 0;
    try {
      for await (const messages of this.connection.fetch(range, messageItems, { toItem, uid }, this.signal)) {
        lastUid = Math.max(lastUid, ...messages.map((message) => message.uid));
        const whole = messages.filter(({ data }) => !isOdd(data.envelope));
        this.held.push(...messages.filter(({ data }) => isOdd(data.envelope)));
        if (whole.length > 0) yield whole;
      }
    } catch (error) {
      if (isFatal(error)) this.lost = { range, byUid: uid, lastUid };
      throw error;
    }
    // Only now is the connection free to be asked about them.
    const odd = this.held;
    this.held = [];
    if (odd.length > 0) yield await repairEnvelopes(this.connection, odd, this.signal);
  }
}
