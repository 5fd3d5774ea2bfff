import type { Pop3Policy } from '../../accounts/account.js';
import type { LedgerRow } from '../../store/download-ledger.port.js';

const dayMs = 86_400_000;

/** Deletions that did not last, or were refused, so often are tried once a day: some servers only pretend to delete. */
const maxAttempts = 2;

/** Whether policy wants a stored message deleted on the server now. */
export function wantsDeletion(row: LedgerRow, policy: Pop3Policy, now: Date): boolean {
  return isDue(row, policy, now) && !isResting(row, now);
}

function isDue({ purged, storedAt }: LedgerRow, policy: Pop3Policy, now: Date): boolean {
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

const isResting = ({ attempts, failedAt }: LedgerRow, now: Date): boolean =>
  attempts >= maxAttempts && failedAt !== undefined && now.getTime() - failedAt.getTime() < dayMs;
