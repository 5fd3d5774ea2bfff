import type { Pop3Policy } from '../../accounts/account.js';
import { uuidV7 } from '../../common/uuid.js';
import type { AccountId, ContentId } from '../../mailbox/model/ids.js';
import type { Download, DownloadLedger, LedgerRow } from '../../store/download-ledger.port.js';
import type { Pop3Client } from '../pop3.client.js';
import { Pop3Error } from '../pop3.errors.js';
import { POP3_LIMITS } from '../pop3.limits.js';
import type { Retrieved } from '../retrieval.js';
import type { DownloadBatches } from './download-batch.js';
import { headerIdentity } from './header-identity.js';
import { isFetchable, type Check, type Fetch, type VisitPlan } from './plan-visit.js';
import { readStream, readWhole, type ReadMessage } from './read-message.js';
import { Recognition } from './recognition.js';

export interface VisitContext {
  readonly accountId: AccountId;
  readonly epoch: bigint;
  readonly policy: Pop3Policy;
  readonly ledger: DownloadLedger;
  /** False: TOP has ended a session before. */
  readonly useTop: boolean;
  /** The digest of a listing for which nothing is to be done. */
  readonly settledListing?: string;
  readonly onProgress: (done: number, total: number) => void;
}

/** A message under the id that the ledger shall know it by. */
interface Listed {
  readonly number: number;
  readonly uidl?: string;
  readonly sizeBytes?: number;
}

/** Reads what a visit must read, and finds out what it is: stored here already, or new. */
export class MaildropReader {
  /** TOP is being sent: if the session ends now, the next one does without. */
  usingTop = false;
  /** Ledger row by number, of each message that was read, or recognised by its header, in this session. */
  readonly verified = new Map<number, string>();
  /** Ids of messages that could not be read, or are not wanted. */
  readonly unread = new Set<string | undefined>();
  /** A stored message was found under another id. */
  renumbered = false;
  /** A message was refused because of its header's charset: another session may ask for UTF-8 (RFC 6856 section 2). */
  needsUtf8 = false;
  downloaded = 0;
  recognised = 0;
  bytes = 0;

  private readonly recognition: Recognition;

  constructor(
    private readonly client: Pop3Client,
    private readonly context: VisitContext,
    private readonly plan: VisitPlan,
    private readonly batches: DownloadBatches,
  ) {
    this.recognition = new Recognition(plan.candidates);
  }

  /** Resolves when everything was read; not all of it need be stored yet. */
  async read(): Promise<void> {
    const { checks, fetches, alreadyStored } = this.plan;
    const unknown = await this.check(checks);
    await this.fetch([...fetches, ...unknown], alreadyStored + this.recognised);
  }

  /** Rows that no message turned out to be. */
  untaken(): readonly LedgerRow[] {
    return this.recognition.untaken();
  }

  // ---------------------------------------------------------------- by header

  /** @returns what must be fetched to know what it is */
  private async check(checks: readonly Check[]): Promise<readonly Fetch[]> {
    const unknown: Check[] = [];
    const { capabilities } = this.client;
    const canTop = this.context.useTop && (capabilities === undefined || capabilities.top);
    if (!canTop) {
      for (const check of checks) if (!(await this.acceptById(check))) unknown.push(check);
    } else if (checks.length > 0) {
      this.usingTop = true;
      for await (const item of this.client.top(checks, { lines: 0, maxMessageBytes: this.maxMessageBytes })) {
        if (!(await this.identify(item))) unknown.push(item.request);
      }
      this.usingTop = false;
    }
    return unknown.filter((entry) => isFetchable(entry, this.context.policy, new Date()) || this.leaveUnread(entry));
  }

  private async identify(item: Retrieved<Check>): Promise<boolean> {
    const check = item.request;
    switch (item.kind) {
      case 'whole':
        return this.accept(check, this.recognition.takeByHeader(check, headerIdentity(item.octets)));
      case 'stream': {
        // It has more than a header: lines were not counted as asked for.
        for await (const _ of item.octets);
        return false;
      }
      case 'refused':
        return this.client.capabilities === undefined && this.acceptById(check);
      case 'broken':
        return false;
    }
  }

  /** Where the server has no TOP: an id that was always listed, once and with one size, has to do for a deletion. */
  private async acceptById(check: Check): Promise<boolean> {
    return check.kind === 'deletion' && this.accept(check, this.recognition.takeById(check));
  }

  private async accept(entry: Listed, row: LedgerRow | undefined): Promise<boolean> {
    if (!row) return false;
    const uidl = entry.uidl ?? row.uidl;
    this.renumbered ||= uidl !== row.uidl;
    this.verified.set(entry.number, row.id);
    this.recognised += 1;
    await this.batches.addRow({ recognised: { ledgerId: row.id, uidl, listSizeBytes: entry.sizeBytes } });
    return true;
  }

  // ---------------------------------------------------------------- by octets

  private async fetch(fetches: readonly Fetch[], before: number): Promise<void> {
    if (fetches.length === 0) return;
    const { onProgress } = this.context;
    const total = before + fetches.length;
    let done = before;
    onProgress(done, total);
    // What has failed before comes last, so that it can break only itself.
    const ordered = [...fetches.filter(({ failed }) => !failed), ...fetches.filter(({ failed }) => failed)];
    for await (const item of this.client.retrieve(ordered, { maxMessageBytes: this.maxMessageBytes })) {
      await this.take(item);
      onProgress((done += 1), total);
    }
  }

  private async take(item: Retrieved<Fetch>): Promise<void> {
    const { request } = item;
    switch (item.kind) {
      case 'whole':
        return this.keep(request, readWhole(item.octets, new Date()));
      case 'stream':
        return this.keep(request, await this.spool(request, item.octets));
      case 'refused':
        this.leaveUnread(request);
        if (item.error.responseCode === 'UTF8') this.needsUtf8 = true;
        else await this.recordFailure(request);
        return;
      case 'broken':
        return this.recordFailure(request);
    }
  }

  private async spool(request: Fetch, pieces: AsyncIterable<Buffer>): Promise<ReadMessage> {
    try {
      return await readStream(pieces, this.context.accountId, this.context.ledger);
    } catch (error) {
      // Our own trouble, or our own wish to stop, says nothing about the message.
      if (error instanceof Pop3Error && error.failure !== 'aborted') await this.recordFailure(request);
      throw error;
    }
  }

  /** Recognised where its octets are here already; else to be stored. */
  private async keep(request: Fetch, message: ReadMessage): Promise<void> {
    const { data, headerFields, octets, identity } = message;
    this.bytes += data.sizeBytes;
    const uidl = request.uidl ?? `sha256:${identity.sha256}`;
    const same = this.recognition.takeByOctets(request, identity);
    if (await this.accept({ ...request, uidl }, same)) return;
    const ledgerId = uuidV7();
    const { failed, sizeBytes: listSizeBytes, number } = request;
    this.verified.set(number, ledgerId);
    this.downloaded += 1;
    const facts = { ledgerId, failedId: failed?.id, uidl, listSizeBytes, ...identity };
    if (!Buffer.isBuffer(octets)) return this.batches.addRow({ download: { ...facts, data, contentId: octets } });
    const download: Download = { ...facts, data, contentId: uuidV7() as ContentId };
    await this.batches.addArrival({ download, octets, headerFields });
  }

  private leaveUnread({ uidl }: Fetch): false {
    this.unread.add(uidl);
    return false;
  }

  private recordFailure({ failed, uidl, sizeBytes }: Fetch): Promise<void> {
    // A message without an id cannot be recognised next time, so there is nothing to remember.
    if (uidl === undefined) return Promise.resolve();
    const { accountId, epoch, ledger } = this.context;
    return ledger.recordFailure(accountId, epoch, { ledgerId: failed?.id, uidl, listSizeBytes: sizeBytes });
  }

  private get maxMessageBytes(): number {
    return this.context.policy.maxMessageBytes ?? POP3_LIMITS.messageBytes;
  }
}
