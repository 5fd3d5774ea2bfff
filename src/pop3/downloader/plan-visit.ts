import type { Pop3Policy } from '../../accounts/account.js';
import type { LedgerRow, ListingObservations } from '../../store/download-ledger.port.js';
import type { Maildrop, MaildropEntry } from '../maildrop.js';

/** A message that cannot be read is tried so often in a row, then left alone for a day. */
const maxAttempts = 3;
const restAfterFailuresMs = 86_400_000;

/** One message to fetch. */
export interface Fetch extends MaildropEntry {
  /** Rows that may be this very message under another id: compared by hash once it is here. Each stands for one message. */
  readonly candidates: readonly LedgerRow[];
  readonly failed?: LedgerRow;
}

export interface VisitPlan {
  readonly observations: ListingObservations;
  /** In the order to fetch them: what has failed before comes last, so that it can break only itself. */
  readonly fetches: readonly Fetch[];
  readonly alreadyStored: number;
  /** Too large, or resting after failures. */
  readonly skipped: number;
  /**
   * Every id of the maildrop is new although much was known: the server has renumbered. What is fetched is compared with all that
   * was known, and nothing is deleted in this visit.
   */
  readonly renumbered: boolean;
}

/**
 * Compares a listing with the ledger. Pure; O(n).
 * @param rows the whole ledger of the account
 */
export function planVisit(
  { entries, hasUidl }: Maildrop,
  rows: readonly LedgerRow[],
  { maxMessageBytes }: Pick<Pop3Policy, 'maxMessageBytes'>,
  now: Date,
): VisitPlan {
  const listed = groupBy<MaildropEntry, string | undefined>(entries, ({ uidl }) => (hasUidl ? uidl : undefined));
  const known = groupBy(rows, (row) => row.uidl);
  const lost = rows.filter((row) => row.onServer && isStored(row) && !listed.has(row.uidl));
  const were = rows.filter((row) => row.onServer && isStored(row));
  const renumbered = hasUidl && entries.length > 0 && were.length > 0 && lost.length === were.length;
  const fetches: Fetch[] = [];
  let alreadyStored = 0;
  let skipped = 0;
  const consider = (entry: MaildropEntry, candidates: readonly LedgerRow[], failed?: LedgerRow): void => {
    const tooLarge = maxMessageBytes !== undefined && (entry.sizeBytes ?? 0) > maxMessageBytes;
    if (tooLarge || (failed && isResting(failed, now))) skipped += 1;
    else fetches.push({ ...entry, candidates, failed });
  };
  for (const [uidl, group] of listed) {
    const same = uidl === undefined ? [] : (known.get(uidl) ?? []);
    const stored = same.filter(isStored);
    // Without an id only the octets tell: everything is read, and compared with all that is known.
    if (uidl === undefined) for (const entry of group) consider(entry, rows.filter(isComparable));
    else if (isSameMessages(group, same)) alreadyStored += group.length;
    else
      for (const entry of group)
        consider(entry, renumbered ? lost : [...stored, ...same.filter(isDeleted)], same.find(isFailed));
  }
  const present = (row: LedgerRow): boolean => listed.has(row.uidl);
  return {
    observations: {
      appeared: ids(rows, (row) => !row.onServer && row.state === 'STORED' && present(row)),
      vanished: ids(rows, (row) => row.onServer && row.state === 'STORED' && hasUidl && !present(row)),
      deleted: ids(rows, (row) => row.state === 'DELETING' && hasUidl && !present(row)),
      undeleted: ids(rows, (row) => row.state === 'DELETING' && present(row)),
    },
    fetches: [...fetches.filter(({ failed }) => !failed), ...fetches.filter(({ failed }) => failed)],
    alreadyStored,
    skipped,
    renumbered,
  };
}

const isStored = ({ state }: LedgerRow): boolean => state === 'STORED' || state === 'DELETING';
const isDeleted = ({ state }: LedgerRow): boolean => state === 'DELETED';
const isFailed = ({ state }: LedgerRow): boolean => state === 'FAILED';
const isComparable = (row: LedgerRow): boolean => !isFailed(row);

/**
 * As many rows as messages under this id: nothing to read again. Sizes are not asked: mbox servers change header octets of a
 * message between sessions, and its id is still the same.
 */
const isSameMessages = (group: readonly MaildropEntry[], rows: readonly LedgerRow[]): boolean =>
  rows.filter(isStored).length === group.length;

const isResting = ({ attempts, failedAt }: LedgerRow, now: Date): boolean =>
  attempts >= maxAttempts && failedAt !== undefined && now.getTime() - failedAt.getTime() < restAfterFailuresMs;

const ids = (rows: readonly LedgerRow[], fits: (row: LedgerRow) => boolean): readonly string[] =>
  rows.filter(fits).map(({ id }) => id);

function groupBy<T, K>(items: readonly T[], key: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return groups;
}
