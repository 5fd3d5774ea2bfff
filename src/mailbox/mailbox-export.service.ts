import { Inject, Injectable, Logger } from '@nestjs/common';
import { sleep } from '../common/sleep.js';
import { MIRROR_STORE, type MirrorStore } from '../store/mirror.port.js';
import { KEEPER_PROVIDER, type KeeperProvider } from './keeper-provider.port.js';
import type { RawMessage } from './keeper.port.js';
import { isMailError, MailError, notFound } from './mailbox.errors.js';
import type { AccountId, MailboxId, MessageId } from './model/ids.js';
import type { Mailbox } from './model/mailbox.js';
import type { Message } from './model/message.js';

/** A message as it was listed, and its exact octets: `sizeBytes` of them, readable once, before the next message is asked for. */
export type ExportedMessage = RawMessage;

export interface MailboxExport {
  readonly mailbox: Mailbox;
  /** Oldest first; each once. It throws rather than leave out a message that is in the mailbox still. */
  readonly messages: AsyncIterable<ExportedMessage>;
}

const pageMessages = 500;
const refreshDeadlineMs = 120_000;
/** Exports of one account share the few connections that its commands have. */
const maxPerAccount = 2;
const maxPerInstance = 16;
const retryAfterMs = 60_000;
/** Without a single message in between. */
const maxFailures = 3;
const firstRetryMs = 1_000;

/** All messages of a mailbox as they are, for a backup or another program. */
@Injectable()
export class MailboxExportService {
  private readonly log = new Logger(MailboxExportService.name);
  private readonly running = new Map<AccountId, number>();

  constructor(
    @Inject(MIRROR_STORE) private readonly mirror: MirrorStore,
    @Inject(KEEPER_PROVIDER) private readonly keepers: KeeperProvider,
  ) {}

  /**
   * For a signed URL: the signature is the authority. The mailbox is compared with its server first, and the first message is read
   * before anything is promised.
   * @param signal must abort in the end: until then the export counts as running
   * @throws MailError NOT_FOUND, RATE_LIMITED, CONFLICT where the mailbox has not been read in full yet, and what the server's
   *         absence makes of it
   */
  async open(id: MailboxId, signal: AbortSignal): Promise<MailboxExport> {
    const { accountId } = await this.find(id);
    this.begin(accountId, signal);
    const mailbox = await this.refresh(id, signal);
    const messages = this.messagesOf(mailbox, signal);
    const first = await messages.next();
    return { mailbox, messages: startingWith(first, messages) };
  }

  private async find(id: MailboxId): Promise<Mailbox> {
    const [mailbox] = await this.mirror.findMailboxes([id]);
    if (!mailbox) throw notFound('mailbox');
    return mailbox;
  }

  private begin(accountId: AccountId, signal: AbortSignal): void {
    if (signal.aborted) throw new MailError('TIMEOUT', 'whoever asked has left');
    const ofAccount = this.running.get(accountId) ?? 0;
    const all = [...this.running.values()].reduce((sum, count) => sum + count, 0);
    if (ofAccount >= maxPerAccount || all >= maxPerInstance) {
      throw new MailError('RATE_LIMITED', 'too many exports are running: wait for one to end', { retryAfterMs });
    }
    this.running.set(accountId, ofAccount + 1);
    signal.addEventListener('abort', () => this.end(accountId), { once: true });
  }

  private end(accountId: AccountId): void {
    const left = (this.running.get(accountId) ?? 1) - 1;
    if (left > 0) this.running.set(accountId, left);
    else this.running.delete(accountId);
  }

  private async refresh(id: MailboxId, signal: AbortSignal): Promise<Mailbox> {
    const { selectable, accountId } = await this.find(id);
    const { storage } = await this.keepers.keeperOf(accountId);
    if (selectable) {
      await this.keepers.refreshMailbox(id, AbortSignal.any([signal, AbortSignal.timeout(refreshDeadlineMs)]));
    }
    const mailbox = await this.find(id);
    if (storage === 'SERVER' && selectable && !mailbox.sync.complete) {
      throw new MailError('CONFLICT', 'this mailbox is being read for the first time: export it when `sync.complete`');
    }
    return mailbox;
  }

  private async *messagesOf(mailbox: Mailbox, signal: AbortSignal): AsyncGenerator<ExportedMessage, void, undefined> {
    for await (const page of this.pages(mailbox)) yield* this.readAll(mailbox.id, page, signal);
    // Removed meanwhile, and its messages with it: what was given is not all there was.
    await this.find(mailbox.id);
  }

  /** By date and id, from cursor to cursor: what comes and goes meanwhile neither doubles nor hides another message. */
  private async *pages({ accountId, id }: Mailbox): AsyncGenerator<readonly Message[]> {
    for (let after: string | undefined; ;) {
      const { edges, hasNextPage } = await this.mirror.listMessages({
        accountIds: [accountId],
        filter: { mailboxIds: [id] },
        order: { field: 'RECEIVED_AT', direction: 'ASC' },
        page: { first: pageMessages, after },
      });
      yield edges.map(({ node }) => node);
      if (!hasNextPage) return;
      after = edges.at(-1)?.cursor;
    }
  }

  /** Again for those that could not be had, while they are in the mailbox and something comes of it. */
  private async *readAll(
    id: MailboxId,
    page: readonly Message[],
    signal: AbortSignal,
  ): AsyncGenerator<ExportedMessage, void, undefined> {
    let wanted = page;
    for (let failures = 0; wanted.length > 0; failures += 1) {
      const given = new Set<MessageId>();
      let failure: MailError | undefined;
      try {
        if (failures > 0) wanted = await this.stillThere(id, wanted, signal);
        const { mailbox, keeper } = await this.source(id);
        for await (const raw of keeper.openMany(mailbox, wanted, signal)) {
          given.add(raw.message.id);
          yield { ...raw, octets: exactly(raw) };
        }
      } catch (error) {
        if (!isMailError(error) || signal.aborted) throw error;
        failure = error;
      }
      wanted = wanted.filter((message) => !given.has(message.id));
      if (given.size > 0) failures = 0;
      if (wanted.length > 0) await this.rest(id, wanted, failures, failure, signal);
    }
  }

  private async source(id: MailboxId) {
    const mailbox = await this.find(id);
    return { mailbox, keeper: await this.keepers.keeperOf(mailbox.accountId) };
  }

  /** The server is asked first: messages may be gone, elsewhere, or have other UIDs. */
  private async stillThere(
    mailboxId: MailboxId,
    messages: readonly Message[],
    signal: AbortSignal,
  ): Promise<readonly Message[]> {
    await this.keepers.refreshMailbox(mailboxId, AbortSignal.any([signal, AbortSignal.timeout(refreshDeadlineMs)]));
    const found = await this.mirror.findMessages(messages.map(({ id }) => id));
    const present = new Map(found.filter((one) => one.mailboxId === mailboxId).map((one) => [one.id, one]));
    return messages.flatMap(({ id }) => present.get(id) ?? []);
  }

  private async rest(
    mailboxId: MailboxId,
    wanted: readonly Message[],
    failures: number,
    failure: MailError | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const error = failure ?? new MailError('SERVER_REJECTED', 'a message that is in the mailbox could not be read');
    if (failures >= maxFailures) throw error;
    // What is merely gone is found out at once.
    if (!failure && failures === 0) return;
    const messageIds = wanted.slice(0, 3).map(({ id }) => id);
    this.log.warn({ mailboxId, messages: wanted.length, messageIds, reason: error.message }, 'export reads again');
    await sleep(firstRetryMs * 2 ** failures, signal);
  }
}

async function* startingWith(
  first: IteratorResult<ExportedMessage, void>,
  rest: AsyncGenerator<ExportedMessage, void, undefined>,
): AsyncGenerator<ExportedMessage> {
  try {
    if (!first.done) yield first.value;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}

/** A message that is purged while it is read must not end as a shorter one. */
async function* exactly({ octets, sizeBytes }: RawMessage): AsyncGenerator<Buffer> {
  let given = 0;
  for await (const chunk of octets) {
    given += chunk.length;
    if (given > sizeBytes) break;
    yield chunk;
  }
  if (given !== sizeBytes) throw new MailError('SERVER_REJECTED', 'a message had another size than was said');
}
