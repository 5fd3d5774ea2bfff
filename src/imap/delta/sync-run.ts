import type { RemoteFlags, RemoteMessage, SyncBatch } from '../../mailbox/keeper.port.js';
import type { Uid } from '../../mailbox/model/ids.js';
import type { SyncCheckpoint } from '../../mailbox/model/mailbox.js';
import type { FetchOptions, ImapConnection } from '../imap.connection.js';
import { maxSetChars } from '../imap.limits.js';
import { messageItems, toRemoteMessage } from '../imap.mapping.js';
import type { UidSet } from '../uid-set.js';

interface BatchContent {
  readonly messages?: readonly RemoteMessage[];
  readonly flags?: readonly RemoteFlags[];
  readonly vanished?: readonly Uid[];
}

/** One synchronisation under way: the connection it runs on, and the checkpoint as of the batch given last. */
export class SyncRun {
  private resetPending: boolean;

  constructor(
    readonly connection: ImapConnection,
    public checkpoint: SyncCheckpoint,
    readonly signal: AbortSignal,
    reset: boolean,
  ) {
    this.resetPending = reset;
  }

  /** Moves the watermarks to what this batch and those before it cover. */
  batch(content: BatchContent, watermarks: Partial<SyncCheckpoint> = {}): SyncBatch {
    this.checkpoint = { ...this.checkpoint, ...watermarks };
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

  async *fetchMessages(
    range: string,
    options: FetchOptions,
  ): AsyncGenerator<readonly RemoteMessage[], void, undefined> {
    for await (const rows of this.connection.fetch(range, messageItems, options, this.signal)) {
      const messages = rows.flatMap((row) => toRemoteMessage(row) ?? []);
      if (messages.length > 0) yield messages;
    }
  }

  async *fetchSet(uids: UidSet): AsyncGenerator<readonly RemoteMessage[], void, undefined> {
    for (const line of uids.lines(maxSetChars)) yield* this.fetchMessages(line, { uid: true });
  }
}
