import { MailError, notFound } from '../mailbox/mailbox.errors.js';
import type {
  ConfirmedFlags,
  FetchedPart,
  GatewayKeeper,
  Outcome,
  PartRequest,
  RawMessage,
} from '../mailbox/keeper.port.js';
import type { PollResult } from '../mailbox/model/poll-result.js';
import { applyFlagChange } from '../mailbox/model/flags.js';
import type { Mailbox } from '../mailbox/model/mailbox.js';
import type { FlagChange, Message, Part } from '../mailbox/model/message.js';
import type { AccountCapabilities } from '../mailbox/model/protocol.js';
import { readHeader } from '../mime/header-fields.js';
import { partStream } from '../mime/part-stream.js';
import type { MirrorStore } from '../store/mirror.port.js';
import type { Downloader, ProgressListener } from './downloader/downloader.js';

/**
 * Keeps a POP3 account. Messages and mailboxes are the gateway's own, so commands are confirmed as they are asked; what is done
 * here is never done on the server, but for the deletions that a poll makes by policy.
 */
export class Pop3Keeper implements GatewayKeeper {
  readonly storage = 'GATEWAY';

  constructor(
    private readonly downloader: Downloader,
    private readonly mirror: MirrorStore,
  ) {}

  get capabilities(): AccountCapabilities | undefined {
    const server = this.downloader.capabilities;
    if (!server) return undefined;
    return { manageMailboxes: true, push: false, keywords: true, move: true, sharedState: false, server };
  }

  poll(epoch: bigint, onProgress: ProgressListener, signal: AbortSignal): Promise<PollResult> {
    return this.downloader.poll(epoch, onProgress, signal);
  }

  async setFlags(
    _mailbox: Mailbox,
    messages: readonly Message[],
    change: FlagChange,
  ): Promise<readonly Outcome<ConfirmedFlags>[]> {
    return messages.map(({ id, flags }) => ({
      messageId: id,
      ok: true,
      value: { flags: applyFlagChange(flags, change) },
    }));
  }

  async move(_from: Mailbox, messages: readonly Message[]): Promise<readonly Outcome<undefined>[]> {
    return confirmed(messages);
  }

  async copy(_from: Mailbox, messages: readonly Message[]): Promise<readonly Outcome<undefined>[]> {
    return confirmed(messages);
  }

  async expunge(_from: Mailbox, messages: readonly Message[]): Promise<readonly Outcome<void>[]> {
    return confirmed(messages);
  }

  async createMailbox(): Promise<void> {}

  async renameMailbox(path: string): Promise<void> {
    // New mail needs a place, as in IMAP, where INBOX cannot go away either (RFC 9051 section 5.1).
    if (path === 'INBOX') throw new MailError('SERVER_REJECTED', 'INBOX cannot be renamed');
  }

  async deleteMailbox(path: string): Promise<void> {
    if (path === 'INBOX') throw new MailError('SERVER_REJECTED', 'INBOX cannot be deleted');
  }

  async setSubscribed(): Promise<void> {}

  async fetchHeader(_mailbox: Mailbox, message: Message): Promise<Buffer> {
    return readHeader(this.octetsOf(message));
  }

  async fetchParts(_mailbox: Mailbox, requests: readonly PartRequest[]): Promise<readonly FetchedPart[]> {
    return Promise.all(requests.map((request) => this.fetchPart(request)));
  }

  async openRaw(_mailbox: Mailbox, message: Message): Promise<AsyncIterable<Buffer>> {
    return this.octetsOf(message);
  }

  async *openMany(_mailbox: Mailbox, messages: readonly Message[]): AsyncGenerator<RawMessage> {
    for (const message of messages) {
      const { sizeBytes } = message;
      const octets = this.octetsOf(message)[Symbol.asyncIterator]();
      const first = await octets.next();
      if (!first.done) yield { message, sizeBytes, octets: startingWith(first.value, octets) };
      else if (sizeBytes === 0) yield { message, sizeBytes, octets: [] };
    }
  }

  async openPart(_mailbox: Mailbox, message: Message, part: Part): Promise<AsyncIterable<Buffer>> {
    return partStream(this.octetsOf(message), part.partNumber);
  }

  async close(): Promise<void> {}

  private async fetchPart({ message, partNumber, maxBytes }: PartRequest): Promise<FetchedPart> {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    for await (const chunk of partStream(this.octetsOf(message), partNumber)) {
      chunks.push(chunk);
      sizeBytes += chunk.length;
      if (sizeBytes > maxBytes) break;
    }
    const octets = Buffer.concat(chunks).subarray(0, maxBytes);
    return { messageId: message.id, partNumber, octets, truncated: sizeBytes > maxBytes };
  }

  private octetsOf({ accountId, contentId }: Message): AsyncIterable<Buffer> {
    if (!contentId) throw notFound('message');
    return this.mirror.readContent(accountId, contentId);
  }
}

async function* startingWith(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

const confirmed = (messages: readonly Message[]): readonly Outcome<undefined>[] =>
  messages.map(({ id }) => ({ messageId: id, ok: true, value: undefined }));
