import type { Pop3Policy } from '../../accounts/account.js';
import type { LedgerRow, ListingObservations } from '../../store/download-ledger.port.js';
import type { SkippedMessage, SkipReason } from '../../mailbox/model/poll-result.js';
import type { Maildrop, MaildropEntry } from '../maildrop.js';
import { wantsDeletion } from './deletion-policy.js';

/**
 * A message over which sessions break is tried so often in a row, then left alone for longer and longer. It may be the message,
 * and then nothing else must suffer from it; it may as well be the network.
 */
const attemptsInARow = 3;
const restMs = { first: 5 * 60_000, max: 86_400_000 };

/** Deletions are made real in slices, so that a dropped line costs little. */
export const DELETIONS_PER_SESSION = 500;

/** One message to fetch. */
export interface Fetch extends MaildropEntry {
  /** The row that recorded failures to read it. */
  readonly failed?: LedgerRow;
}

/** One message whose header decides what it is. */
export interface Check extends Fetch {
  /**
   * - `reused`: its id may be another message's now, for this one was away, was to be deleted, or has another size
   * - `renumbered`: an id never seen, on a server that may have given all its messages new ones
   * - `deletion`: a stored message that policy wants deleted
   */
  readonly kind: 'reused' | 'renumbered' | 'deletion';
}

export interface VisitPlan {
  readonly observations: ListingObservations;
  readonly checks: readonly Check[];
  readonly fetches: readonly Fetch[];
  /** By id and size alone. */
  readonly alreadyStored: number;
  /** More is to be deleted than one session should. */
  readonly unfinished: boolean;
  /** Rows that may be what is checked or fetched. */
  readonly candidates: readonly LedgerRow[];
  /** Too large, or resting after failures. */
  readonly skipped: readonly SkippedMessage[];
}

/**
 * Compares a listing with the ledger. Pure; O(n).
 *
 * A unique-id may be used again when its message is gone (RFC 1939 section 7), servers repeat ids in one listing, and mbox
 * servers change a message's size under its id. So an id alone is believed only while listing after listing shows it with the
 * same size; else the header is compared, and where that does not tell, the octets.
 * @param rows all rows of the account, but DELETED ones whose id is not listed may be left out
 */
export function planVisit(maildrop: Maildrop, rows: readonly LedgerRow[], policy: Pop3Policy, now: Date): VisitPlan {
  return new Planning(maildrop, rows, policy, now).plan();
}

class Planning {
  private readonly listed: ReadonlyMap<string | undefined, readonly MaildropEntry[]>;
  private readonly known: ReadonlyMap<string, readonly LedgerRow[]>;
  /** Nothing that is listed is known, although something should be. */
  private readonly renumbered: boolean;
  private readonly checks: Check[] = [];
  private readonly fetches: Fetch[] = [];
  private readonly settled = new Set<LedgerRow>();
  private alreadyStored = 0;
  private deletions = 0;
  private readonly skipped: SkippedMessage[] = [];

  constructor(
    private readonly maildrop: Maildrop,
    private readonly rows: readonly LedgerRow[],
    private readonly policy: Pop3Policy,
    private readonly now: Date,
  ) {
    this.listed = groupBy<MaildropEntry, string | undefined>(maildrop.entries, ({ uidl }) => uidl);
    this.known = groupBy(rows, ({ uidl }) => uidl);
    const isKnown = (uidl: string | undefined): boolean => uidl !== undefined && this.known.has(uidl);
    this.renumbered = rows.some(isStored) && ![...this.listed.keys()].some(isKnown);
  }

  plan(): VisitPlan {
    for (const [uidl, entries] of this.listed) {
      if (uidl === undefined) for (const entry of entries) this.fetch(entry);
      else this.planId(entries, this.known.get(uidl) ?? []);
    }
    const { checks, fetches, alreadyStored, skipped } = this;
    const candidates = this.rows.filter((row) => !isFailed(row) && !this.settled.has(row));
    const unfinished = this.deletions > DELETIONS_PER_SESSION;
    return { observations: this.observations(), checks, fetches, alreadyStored, candidates, skipped, unfinished };
  }

  /** @param entries listed under one id @param rows known under it */
  private planId(entries: readonly MaildropEntry[], rows: readonly LedgerRow[]): void {
    const here = rows.filter((row) => row.state === 'STORED' && row.onServer);
    if (!rows.some(isDeleting) && here.length === entries.length && haveSameSizes(entries, here)) {
      return this.planStored(entries, here);
    }
    const failed = rows.find(isFailed);
    const kind = rows.some((row) => !isFailed(row)) ? 'reused' : this.renumbered ? 'renumbered' : undefined;
    for (const entry of entries) {
      if (kind) this.checks.push({ ...entry, kind, failed });
      else this.fetch(entry, failed);
    }
  }

  private planStored(entries: readonly MaildropEntry[], rows: readonly LedgerRow[]): void {
    const wanted = rows.some((row) => wantsDeletion(row, this.policy, this.now));
    if (wanted && (this.deletions += entries.length) <= DELETIONS_PER_SESSION) {
      this.checks.push(...entries.map((entry): Check => ({ ...entry, kind: 'deletion' })));
      return;
    }
    this.alreadyStored += entries.length;
    for (const row of rows) this.settled.add(row);
  }

  private fetch(entry: MaildropEntry, failed?: LedgerRow): void {
    const fetch = { ...entry, failed };
    const reason = skipReason(fetch, this.policy, this.now);
    if (reason) this.skipped.push(skippedMessage(entry, reason));
    else this.fetches.push(fetch);
  }

  private observations(): ListingObservations {
    const absent = this.maildrop.hasUidl ? this.rows.filter(({ uidl }) => !this.listed.has(uidl)) : [];
    return {
      vanished: absent.filter((row) => row.state === 'STORED' && row.onServer).map(({ id }) => id),
      deleted: absent.filter(isDeleting).map(({ id }) => id),
      forgotten: absent.filter(isFailed).map(({ id }) => id),
    };
  }
}

/** Why a message is not to be fetched now, if it is not. */
export function skipReason(
  { sizeBytes, failed }: Fetch,
  { maxMessageBytes }: Pop3Policy,
  now: Date,
): SkipReason | undefined {
  if (maxMessageBytes !== undefined && (sizeBytes ?? 0) > maxMessageBytes) return 'TOO_LARGE';
  if (!failed || failed.attempts < attemptsInARow || !failed.failedAt) return undefined;
  const rest = Math.min(restMs.first * 2 ** (failed.attempts - attemptsInARow), restMs.max);
  return now.getTime() - failed.failedAt.getTime() >= rest ? undefined : 'RESTING';
}

export const isFetchable = (fetch: Fetch, policy: Pop3Policy, now: Date): boolean => !skipReason(fetch, policy, now);

/** Unique-ids are any octets; what is shown of them is one line of text. */
export const skippedMessage = ({ number, uidl, sizeBytes }: MaildropEntry, reason: SkipReason): SkippedMessage => ({
  number,
  uidl: uidl?.replaceAll(/\p{C}/gu, '?'),
  sizeBytes,
  reason,
});

const isStored = ({ state }: LedgerRow): boolean => state === 'STORED' || state === 'DELETING';
const isDeleting = ({ state }: LedgerRow): boolean => state === 'DELETING';
const isFailed = ({ state }: LedgerRow): boolean => state === 'FAILED';

/** A size that either side does not know differs from none. Which twin is which is not asked here. */
function haveSameSizes(entries: readonly MaildropEntry[], rows: readonly LedgerRow[]): boolean {
  const listed = entries.map(({ sizeBytes }) => sizeBytes);
  const stored = rows.map(({ listSizeBytes }) => listSizeBytes);
  if (listed.includes(undefined) || stored.includes(undefined)) return true;
  const sorted = stored.toSorted(bySize);
  return listed.toSorted(bySize).every((size, i) => size === sorted[i]);
}

const bySize = (a: number | undefined, b: number | undefined): number => (a ?? 0) - (b ?? 0);

function groupBy<T, K>(items: readonly T[], key: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return groups;
}
