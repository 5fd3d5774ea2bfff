import type { Pop3Policy } from '../../accounts/account.js';
import type { LedgerRow } from '../../store/download-ledger.port.js';
import type { Maildrop, MaildropEntry } from '../maildrop.js';

const dayMs = 86_400_000;

export interface Deletion {
  readonly number: number;
  readonly ledgerId: string;
}

/**
 * What policy wants deleted on the server. Only messages whose octets were read in this session, or that its listing shows exactly
 * once under their id with the size they had when they were stored: anything else may be another message.
 * @param stored rows read from the database in this session
 * @param verified ledger row by message number, of what was read in this session
 */
export function planDeletions(
  { entries }: Pick<Maildrop, 'entries'>,
  stored: readonly LedgerRow[],
  verified: ReadonlyMap<number, string>,
  policy: Pop3Policy,
  now: Date,
): readonly Deletion[] {
  const listed = countBy(entries.map(({ uidl }) => uidl));
  const known = countBy(stored.map(({ uidl }) => uidl));
  const byId = new Map(stored.map((row) => [row.id, row]));
  const byUidl = new Map(stored.map((row) => [row.uidl, row]));
  const find = ({ number, uidl, sizeBytes }: MaildropEntry): LedgerRow | undefined => {
    const read = verified.get(number);
    if (read !== undefined) return byId.get(read);
    if (uidl === undefined || listed.get(uidl) !== 1 || known.get(uidl) !== 1) return undefined;
    const row = byUidl.get(uidl);
    return sizeBytes === undefined || row?.listSizeBytes === undefined || sizeBytes === row.listSizeBytes
      ? row
      : undefined;
  };
  return entries.flatMap((entry) => {
    const row = find(entry);
    return row && isWanted(row, policy, now) ? [{ number: entry.number, ledgerId: row.id }] : [];
  });
}

function isWanted({ purged, storedAt }: LedgerRow, policy: Pop3Policy, now: Date): boolean {
  if (purged && policy.deleteWhenExpunged) return true;
  switch (policy.afterDownload) {
    case 'KEEP':
      return false;
    case 'DELETE':
      return true;
    case 'DELETE_AFTER_DAYS':
      return (
        storedAt !== undefined && now.getTime() - storedAt.getTime() >= (policy.deleteAfterDays ?? Infinity) * dayMs
      );
  }
}

function countBy<T>(items: readonly T[]): ReadonlyMap<T, number> {
  const counts = new Map<T, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return counts;
}
