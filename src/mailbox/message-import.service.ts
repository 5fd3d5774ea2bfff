import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { maySee, requireScope, type Principal } from '../auth/principal.js';
import { CONFIG, type Config } from '../config/config.js';
import { uuidV7 } from '../common/uuid.js';
import { describeMessage } from '../mime/describe-message.js';
import { IMPORT_KEYS, type ImportKeys } from '../store/import-keys.port.js';
import { MIRROR_STORE, type MirrorStore } from '../store/mirror.port.js';
import type { ServerKeeper } from './keeper.port.js';
import { KEEPER_PROVIDER, type KeeperProvider } from './keeper-provider.port.js';
import { invalidInput, MailError, notFound } from './mailbox.errors.js';
import { checkKeywords } from './keywords.js';
import type { ContentId, MailboxId, MessageId } from './model/ids.js';
import type { Mailbox } from './model/mailbox.js';
import type { Flags, Message, RemoteRef } from './model/message.js';

export interface ImportInput {
  readonly mailboxId: MailboxId;
  readonly octets: Buffer;
  readonly receivedAt?: Date;
  readonly idempotencyKey?: string;
  readonly flags: Flags;
}

const appendDeadlineMs = 120_000;
const maxKeyLength = 255;

/** Stores complete messages: by APPEND where a server keeps them, else here. */
@Injectable()
export class MessageImportService {
  constructor(
    @Inject(MIRROR_STORE) private readonly mirror: MirrorStore,
    @Inject(KEEPER_PROVIDER) private readonly keepers: KeeperProvider,
    @Inject(IMPORT_KEYS) private readonly keys: ImportKeys,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async importMessage(ctx: Principal, input: ImportInput): Promise<Message> {
    requireScope(ctx, 'MODIFY');
    this.check(input);
    const [mailbox] = await this.mirror.findMailboxes([input.mailboxId]);
    if (!mailbox || !maySee(ctx, mailbox.accountId)) throw notFound('mailbox');
    if (!mailbox.selectable) throw invalidInput(['input', 'mailboxId'], 'this mailbox only holds other mailboxes');
    const { idempotencyKey: key } = input;
    if (key === undefined) return this.message(await this.store(mailbox, input, false));
    return this.once(mailbox, input, key);
  }

  private async once(mailbox: Mailbox, input: ImportInput, key: string): Promise<Message> {
    const { accountId } = mailbox;
    const claim = await this.keys.claim(accountId, mailbox.id, key, hashOf(input.octets));
    if (claim !== 'first' && claim !== 'again') return this.message(claim);
    try {
      const id = await this.store(mailbox, input, claim === 'again');
      await this.keys.settle(accountId, key, id);
      return await this.message(id);
    } catch (error) {
      // Only a clear no leaves the key free; where the answer was lost the message may be there, and a repeat looks for it.
      if (error instanceof MailError && !error.retryable) await this.keys.forget(accountId, key);
      throw error;
    }
  }

  private check({ octets, idempotencyKey, flags }: ImportInput): void {
    const { maxImportBytes } = this.config.limits;
    if (octets.length > maxImportBytes) {
      throw new MailError('TOO_LARGE', `a message of at most ${maxImportBytes} octets`, {
        field: ['input', 'rawBase64'],
      });
    }
    if (octets.length === 0) throw invalidInput(['input', 'rawBase64'], 'an empty message cannot be stored');
    if (idempotencyKey !== undefined && (idempotencyKey === '' || idempotencyKey.length > maxKeyLength)) {
      throw invalidInput(['input', 'idempotencyKey'], `1 to ${maxKeyLength} characters`);
    }
    checkKeywords(flags.keywords, 'keywords');
  }

  private async store(mailbox: Mailbox, input: ImportInput, maybeThere: boolean): Promise<MessageId> {
    const keeper = await this.keepers.keeperOf(mailbox.accountId);
    if (keeper.storage === 'SERVER') return this.append(keeper, mailbox, input, maybeThere);
    const now = new Date();
    const { data, headerFields } = await describeMessage(input.octets, input.receivedAt ?? now);
    const contentId = uuidV7() as ContentId;
    return this.mirror.write(mailbox.accountId, async (tx) => {
      await tx.insertContents([{ id: contentId, octets: input.octets, sha256: hashOf(input.octets), headerFields }]);
      const internalDate = input.receivedAt ?? data.internalDate;
      const message = { data: { ...data, flags: input.flags, internalDate }, contentId, initial: false };
      return (await tx.insertMessages(mailbox.id, [message]))[0]!;
    });
  }

  private async append(
    keeper: ServerKeeper,
    mailbox: Mailbox,
    input: ImportInput,
    maybeThere: boolean,
  ): Promise<MessageId> {
    const signal = AbortSignal.timeout(appendDeadlineMs);
    const { data } = await describeMessage(input.octets, new Date());
    const { messageId } = data.envelope;
    if (maybeThere) {
      await this.keepers.refreshMailbox(mailbox.id, signal);
      const id = await this.findImported(mailbox, messageId, input.octets.length);
      if (id) return id;
    }
    const { octets, flags, receivedAt } = input;
    const request = { octets, sizeBytes: octets.length, flags, internalDate: receivedAt };
    const ref = await keeper.append(mailbox, request, signal);
    await this.keepers.refreshMailbox(mailbox.id, signal);
    const id = ref ? await this.findByRef(mailbox, ref) : await this.findImported(mailbox, messageId, octets.length);
    if (!id) throw new MailError('SERVER_REJECTED', 'the server accepted the message, but does not show it');
    return id;
  }

  private async findByRef({ accountId, id }: Mailbox, { uidValidity, uid }: RemoteRef): Promise<MessageId | undefined> {
    const [found] = await this.mirror.write(accountId, (tx) => tx.findByUid(id, uidValidity, [uid]));
    return found?.id;
  }

  /** Newest first: with equal copies the last one is ours. */
  private async findImported(
    { accountId, id }: Mailbox,
    messageId: string | undefined,
    sizeBytes: number,
  ): Promise<MessageId | undefined> {
    const filter = { mailboxIds: [id], messageId, minSizeBytes: sizeBytes, maxSizeBytes: sizeBytes };
    const page = await this.mirror.listMessages({
      accountIds: [accountId],
      filter,
      order: { field: 'RECEIVED_AT', direction: 'DESC' },
      page: { first: 1 },
    });
    return page.edges[0]?.node.id;
  }

  private async message(id: MessageId): Promise<Message> {
    const [message] = await this.mirror.findMessages([id]);
    if (!message) throw notFound('message');
    return message;
  }
}

const hashOf = (octets: Buffer): Buffer => createHash('sha256').update(octets).digest();
