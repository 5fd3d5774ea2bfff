import type { ServerKeeper } from '../mailbox/keeper.port.js';
import { isMailError } from '../mailbox/mailbox.errors.js';
import type { AccountId, MailboxId, MessageId } from '../mailbox/model/ids.js';
import type { Message, ReadMessage } from '../mailbox/model/message.js';
import { readPreviews } from '../mailbox/preview-reader.js';
import type { MirrorStore } from '../store/mirror.port.js';

/** What a person scrolls through; the rest is read when somebody asks for it. */
const newestMessages = 300;
/** New mail waits no longer than one batch takes. */
const batchMessages = 20;

const nothing: ReadonlySet<MessageId> = new Set();

interface FillerDependencies {
  readonly accountId: AccountId;
  readonly keeper: ServerKeeper;
  readonly mirror: MirrorStore;
}

/** Reads how the newest messages of an account begin, before anybody asks. */
export class PreviewFiller {
  /** Without an answer: not asked for again while the account runs. Those that are not among the newest any more are forgotten. */
  private hopeless = nothing;
  /** One by one after a failure: a single message may be the reason, and must not be in the way of the others. */
  private batchSize = batchMessages;

  constructor(private readonly context: FillerDependencies) {}

  /** One batch of one mailbox. @returns whether to go on at once */
  async fill(signal: AbortSignal): Promise<boolean> {
    const batch = await this.nextBatch();
    const [first] = batch;
    if (!first) return false;
    try {
      this.giveUp(batch, await this.read(first.mailboxId, batch, signal));
      this.batchSize = Math.min(batchMessages, this.batchSize * 2);
      return true;
    } catch (error) {
      if (!isMailError(error)) throw error;
      // Whether the server is there at all is for the watch to find out.
      if (batch.length === 1) this.giveUp(batch, new Map());
      this.batchSize = 1;
      return false;
    }
  }

  private async nextBatch(): Promise<readonly ReadMessage[]> {
    const { mirror, accountId } = this.context;
    const unknown = (await mirror.findWithoutPreview(accountId, newestMessages)).filter(isRead);
    const still = unknown.map(({ id }) => id).filter((id) => this.hopeless.has(id));
    this.hopeless = still.length > 0 ? new Set(still) : nothing;
    const open = unknown.filter(({ id }) => !this.hopeless.has(id));
    return open.filter(({ mailboxId }) => mailboxId === open[0]?.mailboxId).slice(0, this.batchSize);
  }

  private async read(
    mailboxId: MailboxId,
    messages: readonly ReadMessage[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<MessageId, string>> {
    const { mirror, keeper, accountId } = this.context;
    const [mailbox] = await mirror.findMailboxes([mailboxId]);
    if (!mailbox) return new Map();
    const previews = await readPreviews(keeper, mailbox, messages, signal);
    if (previews.size > 0)
      await mirror.savePreviews([...previews].map(([id, preview]) => ({ accountId, id, preview })));
    return previews;
  }

  private giveUp(messages: readonly ReadMessage[], previews: ReadonlyMap<MessageId, string>): void {
    const silent = messages.map(({ id }) => id).filter((id) => !previews.has(id));
    this.hopeless = new Set([...this.hopeless, ...silent]);
  }
}

const isRead = (message: Message): message is ReadMessage => message.root !== undefined;
