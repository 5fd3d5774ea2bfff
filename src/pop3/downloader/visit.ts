import type { PollResult, SkippedMessage } from '../../mailbox/model/poll-result.js';
import type { LedgerRow } from '../../store/download-ledger.port.js';
import { fetchMaildrop, type Maildrop } from '../maildrop.js';
import type { Pop3Client } from '../pop3.client.js';
import { Pop3Error } from '../pop3.errors.js';
import { wantsDeletion } from './deletion-policy.js';
import { pollWarnings } from './poll-warnings.js';
import { isSettled, keepsAll, listingDigest } from './listing-digest.js';
import { DownloadBatches } from './download-batch.js';
import { MaildropReader, type VisitContext } from './maildrop-reader.js';
import { DELETIONS_PER_SESSION, planVisit, skippedMessage, skipReason, type VisitPlan } from './plan-visit.js';

/** Of the messages that were skipped. */
const namedSkips = 100;

export type VisitResult = Omit<PollResult, 'durationMs'> & {
  /** More is to be deleted than one session should. */
  readonly unfinished: boolean;
  readonly needsUtf8: boolean;
  /** The digest of a listing for which nothing was, or will be, to be done. */
  readonly settledListing?: string;
};

interface Deletion {
  readonly number: number;
  readonly ledgerId: string;
}

/**
 * One session: list, fetch what is new, delete what policy says. The order is what keeps mail: octets are committed before any
 * DELE, DELE is recorded before it is sent, and only QUIT makes it real (RFC 1939 section 6). Whatever fails ends the session
 * without QUIT, so the server keeps everything.
 */
export class Visit {
  private reader: MaildropReader | undefined;

  constructor(
    private readonly client: Pop3Client,
    private readonly context: VisitContext,
  ) {}

  /** TOP is being sent: if the session ends now, the next one does without. */
  get usingTop(): boolean {
    return this.reader?.usingTop ?? false;
  }

  async run(): Promise<VisitResult> {
    const { accountId, epoch, ledger, policy } = this.context;
    const maildrop = await fetchMaildrop(this.client);
    const listing = listingDigest(maildrop);
    if (listing === this.context.settledListing) return this.leaveAsItIs(maildrop, listing);
    const { rows, firstVisit } = await ledger.load(accountId, epoch, idsOf(maildrop));
    const plan = planVisit(maildrop, rows, policy, new Date());
    await ledger.observe(accountId, epoch, plan.observations);
    const reader = await this.read(plan, firstVisit);
    await this.settle(maildrop, plan, reader);
    const deletions = await this.deletions(reader);
    const deletedOnServer = await this.leave(deletions.slice(0, DELETIONS_PER_SESSION));
    return {
      downloaded: reader.downloaded,
      alreadyStored: plan.alreadyStored + reader.recognised,
      deletedOnServer,
      ...this.skipped(plan, reader),
      bytes: reader.bytes,
      hasUidl: maildrop.hasUidl,
      warnings: pollWarnings(maildrop, this.client.capabilities, policy),
      pauseSeconds: this.client.capabilities?.loginDelaySeconds,
      unfinished: deletedOnServer > 0 && (plan.unfinished || deletions.length > DELETIONS_PER_SESSION),
      needsUtf8: reader.needsUtf8,
      settledListing: isSettled(maildrop, plan, policy) ? listing : undefined,
    };
  }

  /** Most visits: not even the ledger is asked. */
  private async leaveAsItIs(maildrop: Maildrop, settledListing: string): Promise<VisitResult> {
    await this.quit();
    const { capabilities } = this.client;
    return {
      downloaded: 0,
      alreadyStored: maildrop.entries.length,
      deletedOnServer: 0,
      skipped: 0,
      skippedMessages: [],
      bytes: 0,
      hasUidl: maildrop.hasUidl,
      warnings: pollWarnings(maildrop, capabilities, this.context.policy),
      pauseSeconds: capabilities?.loginDelaySeconds,
      unfinished: false,
      needsUtf8: false,
      settledListing,
    };
  }

  private skipped(plan: VisitPlan, { verified }: MaildropReader): Pick<PollResult, 'skipped' | 'skippedMessages'> {
    const { policy } = this.context;
    const now = new Date();
    // What was read, or recognised, is verified; what is not was left alone on the way.
    const left = [...plan.checks, ...plan.fetches].filter(({ number }) => !verified.has(number));
    const all: readonly SkippedMessage[] = [
      ...plan.skipped,
      ...left.map((entry) => skippedMessage(entry, skipReason(entry, policy, now) ?? 'REFUSED')),
    ];
    const named = all.toSorted((a, b) => a.number - b.number).slice(0, namedSkips);
    return { skipped: all.length, skippedMessages: named };
  }

  private async read(plan: VisitPlan, initial: boolean): Promise<MaildropReader> {
    const { accountId, epoch, ledger } = this.context;
    const batches = new DownloadBatches(ledger, accountId, epoch, initial);
    const reader = new MaildropReader(this.client, this.context, plan, batches);
    this.reader = reader;
    try {
      await reader.read();
    } finally {
      // What arrived whole before a connection broke is kept: the next visit goes on from there.
      await batches.finish();
    }
    return reader;
  }

  /** Rows whose id is another message's now, or whose octets no message has, are not on the server any more. */
  private async settle({ hasUidl }: Maildrop, plan: VisitPlan, reader: MaildropReader): Promise<void> {
    const readIds = new Set<string | undefined>([...plan.checks, ...plan.fetches].map(({ uidl }) => uidl));
    const { unread } = reader;
    const isAway = ({ uidl }: LedgerRow): boolean =>
      hasUidl ? readIds.has(uidl) && !unread.has(uidl) : plan.skipped.length === 0 && unread.size === 0;
    const away = reader.untaken().filter(isAway);
    const vanished = away.filter(({ state, onServer }) => state === 'STORED' && onServer).map(({ id }) => id);
    const deleted = away.filter(({ state }) => state === 'DELETING').map(({ id }) => id);
    const { accountId, epoch, ledger } = this.context;
    await ledger.observe(accountId, epoch, { vanished, deleted, forgotten: [] });
  }

  /**
   * Nothing is deleted that was not read, or recognised, in this very session; and nothing while the server gives its messages
   * new ids: which is which is then found out by the next visit.
   */
  private async deletions({ verified, renumbered }: MaildropReader): Promise<readonly Deletion[]> {
    const { accountId, ledger, policy } = this.context;
    if (keepsAll(policy) || renumbered || verified.size === 0) return [];
    const rows = new Map((await ledger.loadDeletable(accountId)).map((row) => [row.id, row]));
    const now = new Date();
    return [...verified].flatMap(([number, ledgerId]) => {
      const row = rows.get(ledgerId);
      return row && wantsDeletion(row, policy, now) ? [{ number, ledgerId }] : [];
    });
  }

  /** @returns how many deletions the server has accepted */
  private async leave(deletions: readonly Deletion[]): Promise<number> {
    const { accountId, epoch, ledger } = this.context;
    if (deletions.length === 0) {
      await this.quit();
      return 0;
    }
    const ids = new Map(deletions.map(({ number, ledgerId }) => [number, ledgerId]));
    await ledger.markDeleting(accountId, epoch, [...ids.values()]);
    const answers = await this.client.delete([...ids.keys()]);
    const idsWhere = (refused: boolean): readonly string[] =>
      answers.filter(({ error }) => (error !== undefined) === refused).map(({ number }) => ids.get(number)!);
    const accepted = (await this.quit()) ? idsWhere(false) : [];
    await ledger.markDeleted(accountId, epoch, accepted, idsWhere(true));
    return accepted.length;
  }

  /** @returns whether the server said yes. Where it says no, or its answer is lost, the next listing tells what became of them. */
  private async quit(): Promise<boolean> {
    try {
      await this.client.quit();
      return true;
    } catch (error) {
      if (error instanceof Pop3Error && error.failure === 'rejected') return false;
      throw error;
    }
  }
}

const idsOf = ({ entries, hasUidl }: Maildrop): readonly string[] | undefined =>
  hasUidl ? entries.flatMap(({ uidl }) => uidl ?? []) : undefined;
