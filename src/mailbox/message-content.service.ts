import { Inject, Injectable } from '@nestjs/common';
import { maySee, requireScope, type Principal } from '../auth/principal.js';
import { CONFIG, type Config } from '../config/config.js';
import { decodeHeaderFields } from '../mime/header-fields.js';
import { decodePart } from '../mime/transfer-encoding.js';
import { findPart } from '../mime/part-tree.js';
import { MESSAGE_STRUCTURES, type MessageStructures } from '../store/message-structures.port.js';
import { MIRROR_STORE, type MirrorStore } from '../store/mirror.port.js';
import { bodyOf, bodyRequests, type MessageBodySource } from './message-text.js';
import type { Keeper } from './keeper.port.js';
import { KEEPER_PROVIDER, type KeeperProvider } from './keeper-provider.port.js';
import { isMailError, notFound } from './mailbox.errors.js';
import type { MailboxId, MessageId } from './model/ids.js';
import type { Mailbox } from './model/mailbox.js';
import type { HeaderField, Message, Part, ReadMessage } from './model/message.js';
import { readPreviews } from './preview-reader.js';

const fetchDeadlineMs = 30_000;
/** A list must not wait long for what it can do without. */
const previewDeadlineMs = 5_000;

/** Octets and texts of messages: from the server for IMAP, from the database for POP3. */
@Injectable()
export class MessageContentService {
  constructor(
    @Inject(MIRROR_STORE) private readonly mirror: MirrorStore,
    @Inject(MESSAGE_STRUCTURES) private readonly readStructures: MessageStructures,
    @Inject(KEEPER_PROVIDER) private readonly keepers: KeeperProvider,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Known ones from the mirror; the others are read in as few round trips as can be, and kept. Empty where there is no text. */
  async previews(ctx: Principal, messages: readonly Message[]): Promise<readonly string[]> {
    requireScope(ctx, 'READ');
    const read = await this.structures(ctx, messages);
    const unknown = read.filter(({ preview, accountId }) => preview === undefined && maySee(ctx, accountId));
    const signal = AbortSignal.timeout(previewDeadlineMs);
    const made = await this.perMailbox(unknown, async (keeper, mailbox, group) => {
      const previews = await readPreviews(keeper, mailbox, group, signal);
      return group.map(({ id }) => previews.get(id));
    });
    const rows = unknown.flatMap(({ id, accountId }) => {
      const preview = made.get(id);
      return typeof preview === 'string' ? [{ accountId, id, preview }] : [];
    });
    if (rows.length > 0) await this.mirror.savePreviews(rows);
    const previews = new Map(rows.map(({ id, preview }) => [id, preview]));
    return read.map(({ id, preview }) => preview ?? previews.get(id) ?? '');
  }

  /** One result a message, in order; a message that could not be read gives its error. */
  async bodies(ctx: Principal, messages: readonly Message[]): Promise<readonly (MessageBodySource | Error)[]> {
    requireScope(ctx, 'READ');
    const signal = AbortSignal.timeout(fetchDeadlineMs);
    const { maxBodyBytes } = this.config.limits;
    const visible = (await this.structures(ctx, messages)).filter(({ accountId }) => maySee(ctx, accountId));
    const bodies = await this.perMailbox(visible, async (keeper, mailbox, group) => {
      const requests = group.flatMap((message) => bodyRequests(message, maxBodyBytes));
      const parts = requests.length > 0 ? await keeper.fetchParts(mailbox, requests, signal) : [];
      return group.map((message) => bodyOf(message, parts));
    });
    return messages.map(({ id }) => bodies.get(id) ?? notFound('message'));
  }

  /** The same messages in order, read as MIME where they were not. */
  structures(ctx: Principal, messages: readonly Message[]): Promise<readonly ReadMessage[]> {
    requireScope(ctx, 'READ');
    return this.readStructures.complete(messages);
  }

  /** All header fields in order, decoded. */
  async headers(ctx: Principal, message: Message): Promise<readonly HeaderField[]> {
    requireScope(ctx, 'READ');
    if (!maySee(ctx, message.accountId)) throw notFound('message');
    const { keeper, mailbox } = await this.source(message);
    return decodeHeaderFields(await keeper.fetchHeader(mailbox, message, AbortSignal.timeout(fetchDeadlineMs)));
  }

  /** For a signed URL: the signature is the authority. */
  async openRaw(id: MessageId, signal: AbortSignal): Promise<{ sizeBytes: number; octets: AsyncIterable<Buffer> }> {
    const message = await this.find(id);
    const { keeper, mailbox } = await this.source(message);
    return { sizeBytes: message.sizeBytes, octets: await keeper.openRaw(mailbox, message, signal) };
  }

  /** Decoded content of one part. */
  async openPart(
    id: MessageId,
    partNumber: string,
    signal: AbortSignal,
  ): Promise<{ part: Part; octets: AsyncIterable<Buffer> }> {
    const [message] = await this.readStructures.complete([await this.find(id)]);
    if (!message) throw notFound('message');
    const part = findPart(message.root, partNumber);
    if (!part) throw notFound('part');
    const { keeper, mailbox } = await this.source(message);
    return { part, octets: decodePart(await keeper.openPart(mailbox, message, part, signal), part.encoding) };
  }

  /** Mailboxes side by side; what fails in one is the answer for its messages alone. */
  private async perMailbox<T>(
    messages: readonly ReadMessage[],
    work: (keeper: Keeper, mailbox: Mailbox, group: readonly ReadMessage[]) => Promise<readonly T[]>,
  ): Promise<ReadonlyMap<MessageId, T | Error>> {
    const results = new Map<MessageId, T | Error>();
    const one = async (group: readonly ReadMessage[]): Promise<void> => {
      try {
        const { keeper, mailbox } = await this.source(group[0]!);
        (await work(keeper, mailbox, group)).forEach((result, i) => results.set(group[i]!.id, result));
      } catch (error) {
        if (!isMailError(error)) throw error;
        for (const { id } of group) results.set(id, error);
      }
    };
    const groups = new Map<MailboxId, ReadMessage[]>();
    for (const message of messages) {
      const group = groups.get(message.mailboxId);
      if (group) group.push(message);
      else groups.set(message.mailboxId, [message]);
    }
    await Promise.all([...groups.values()].map(one));
    return results;
  }

  private async find(id: MessageId): Promise<Message> {
    const [message] = await this.mirror.findMessages([id]);
    if (!message) throw notFound('message');
    return message;
  }

  private async source({ accountId, mailboxId }: Message): Promise<{ keeper: Keeper; mailbox: Mailbox }> {
    const [mailbox] = await this.mirror.findMailboxes([mailboxId]);
    if (!mailbox || mailbox.accountId !== accountId) throw notFound('message');
    return { keeper: await this.keepers.keeperOf(accountId), mailbox };
  }
}
