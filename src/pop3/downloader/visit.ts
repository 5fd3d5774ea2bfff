import { createHash } from 'node:crypto';
import type { Pop3Policy } from '../../accounts/account.js';
import { uuidV7 } from '../../common/uuid.js';
import type { PollResult } from '../../mailbox/model/poll-result.js';
import type { AccountId, ContentId } from '../../mailbox/model/ids.js';
import { describeMessage, describeStream, type DescribedMessage } from '../../mime/describe-message.js';
import type { Download, DownloadLedger } from '../../store/download-ledger.port.js';
import { fetchMaildrop, type Maildrop } from '../maildrop.js';
import type { Pop3Client } from '../pop3.client.js';
import { POP3_LIMITS } from '../pop3.limits.js';
import type { Retrieved } from '../retrieval.js';
import { DownloadBatches } from './download-batch.js';
import { planDeletions, type Deletion } from './plan-deletions.js';
import { planVisit, type Fetch } from './plan-visit.js';

/** Deletions are made real in slices, so that a dropped line costs little. */
const deletionsPerSession = 500;

export interface VisitContext {
  readonly accountId: AccountId;
  readonly epoch: bigint;
  readonly policy: Pop3Policy;
  readonly ledger: DownloadLedger;
  readonly onProgress: (done: number, total: number) => void;
}

export type VisitResult = Omit<PollResult, 'durationMs'> & {
  /** More is to be deleted than one session should. */
  readonly unfinished: boolean;
};

/** What is in hand of one message that was read. */
interface Octets {
  readonly stored: Buffer | ContentId;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly describe: (now: Date) => Promise<DescribedMessage>;
}

/**
 * One session: list, fetch what is new, delete what policy says. The order is what keeps mail: octets are committed before any
 * DELE, DELE is recorded before it is sent, and only QUIT makes it real (RFC 1939 section 6). Whatever fails ends the session
 * without QUIT, so the server keeps everything.
 */
export class Visit {
  private readonly verified = new Map<number, string>();
  private readonly taken = new Set<string>();
  private downloaded = 0;
  private recognised = 0;
  private refused = 0;
  private bytes = 0;

  constructor(
    private readonly client: Pop3Client,
    private readonly context: VisitContext,
  ) {}

  async run(): Promise<VisitResult> {
    const { accountId, epoch, ledger, policy, onProgress } = this.context;
    const maildrop = await fetchMaildrop(this.client);
    const { rows, firstVisit } = await ledger.load(accountId);
    const plan = planVisit(maildrop, rows, policy, new Date());
    await ledger.observe(accountId, epoch, plan.observations);
    const total = plan.alreadyStored + plan.fetches.length;
    if (plan.fetches.length > 0) {
      onProgress(plan.alreadyStored, total);
      await this.fetch(plan.fetches, firstVisit, (done) => onProgress(plan.alreadyStored + done, total));
    }
    const deletions = plan.renumbered ? [] : await this.deletions(maildrop);
    const deletedOnServer = await this.leave(deletions.slice(0, deletionsPerSession));
    return {
      downloaded: this.downloaded,
      alreadyStored: plan.alreadyStored + this.recognised,
      deletedOnServer,
      skipped: plan.skipped + this.refused,
      bytes: this.bytes,
      unfinished: deletions.length > deletionsPerSession,
    };
  }

  private async fetch(fetches: readonly Fetch[], initial: boolean, onDone: (done: number) => void): Promise<void> {
    const { accountId, epoch, ledger, policy } = this.context;
    const maxMessageBytes = policy.maxMessageBytes ?? POP3_LIMITS.messageBytes;
    const batches = new DownloadBatches((batch) => ledger.store(accountId, epoch, { ...batch, initial }));
    let done = 0;
    try {
      for await (const item of this.client.retrieve(fetches, { maxMessageBytes })) {
        await this.take(item, batches);
        onDone((done += 1));
      }
    } finally {
      // What arrived whole before a connection broke is kept: the next visit goes on from there.
      await batches.finish();
    }
  }

  private async take(item: Retrieved<Fetch>, batches: DownloadBatches): Promise<void> {
    const { request } = item;
    switch (item.kind) {
      case 'whole':
        return this.keep(request, octetsOf(item.octets), batches);
      case 'stream':
        return this.keep(request, await this.spool(request, item.octets), batches);
      case 'refused':
        this.refused += 1;
        return this.recordFailure(request);
      case 'broken':
        return this.recordFailure(request);
    }
  }

  /** Recognised where its octets are here already; else to be stored. */
  private async keep(request: Fetch, octets: Octets, batches: DownloadBatches): Promise<void> {
    const { sizeBytes: listSizeBytes, number } = request;
    const uidl = request.uidl ?? `sha256:${octets.sha256}`;
    const same = request.candidates.find((row) => row.sha256 === octets.sha256 && !this.taken.has(row.id));
    const ledgerId = same?.id ?? uuidV7();
    this.verified.set(number, ledgerId);
    this.bytes += octets.sizeBytes;
    if (same) {
      this.taken.add(same.id);
      this.recognised += 1;
      return batches.add({ recognised: { ledgerId, uidl, listSizeBytes } }, 0);
    }
    this.downloaded += 1;
    const { data, headerFields } = await octets.describe(new Date());
    const { sha256, stored, sizeBytes } = octets;
    const download: Download = {
      ledgerId,
      failedId: request.failed?.id,
      uidl,
      listSizeBytes,
      sha256,
      data,
      headerFields,
      octets: stored,
    };
    return batches.add({ download }, sizeBytes);
  }

  /** Carries a large message into the database piece by piece; it stays invisible until its batch is committed. */
  private async spool(request: Fetch, pieces: AsyncIterable<Buffer>): Promise<Octets> {
    const { accountId, ledger } = this.context;
    const contentId = await ledger.beginContent(accountId);
    const hash = createHash('sha256');
    let seq = 0;
    let sizeBytes = 0;
    try {
      for await (const piece of pieces) {
        hash.update(piece);
        sizeBytes += piece.length;
        await ledger.appendContent(accountId, contentId, seq, piece);
        seq += 1;
      }
    } catch (error) {
      await this.recordFailure(request);
      throw error;
    }
    const describe = (now: Date): Promise<DescribedMessage> =>
      describeStream(() => ledger.readContent(accountId, contentId), sizeBytes, now);
    return { stored: contentId, sizeBytes, sha256: hash.digest('hex'), describe };
  }

  private recordFailure({ failed, uidl, sizeBytes }: Fetch): Promise<void> {
    // A message without an id cannot be recognised next time, so there is nothing to remember.
    if (uidl === undefined) return Promise.resolve();
    const { accountId, epoch, ledger } = this.context;
    return ledger.recordFailure(accountId, epoch, { ledgerId: failed?.id, uidl, listSizeBytes: sizeBytes });
  }

  private async deletions(maildrop: Maildrop): Promise<readonly Deletion[]> {
    const { accountId, ledger, policy } = this.context;
    if (policy.afterDownload === 'KEEP' && !policy.deleteWhenExpunged) return [];
    return planDeletions(maildrop, await ledger.loadDeletable(accountId), this.verified, policy, new Date());
  }

  /** @returns how many deletions the server has accepted */
  private async leave(deletions: readonly Deletion[]): Promise<number> {
    const { accountId, epoch, ledger } = this.context;
    if (deletions.length === 0) {
      await this.client.quit();
      return 0;
    }
    const ids = new Map(deletions.map(({ number, ledgerId }) => [number, ledgerId]));
    await ledger.markDeleting(accountId, epoch, [...ids.values()]);
    const answers = await this.client.delete([...ids.keys()]);
    const refused = answers.filter(({ error }) => error).map(({ number }) => ids.get(number)!);
    const accepted = answers.filter(({ error }) => !error).map(({ number }) => ids.get(number)!);
    // Where QUIT is refused or its answer is lost, the next listing tells what became of them.
    await this.client.quit();
    await ledger.markDeleted(accountId, epoch, accepted, refused);
    return accepted.length;
  }
}

const octetsOf = (octets: Buffer): Octets => ({
  stored: octets,
  sizeBytes: octets.length,
  sha256: createHash('sha256').update(octets).digest('hex'),
  describe: (now) => describeMessage(octets, now),
});
