import { createHash } from 'node:crypto';
import type { Pop3Policy } from '../../accounts/account.js';
import type { Maildrop } from '../maildrop.js';
import type { VisitPlan } from './plan-visit.js';

/** Differs when anything in the listing does: which messages, their order, ids or sizes. */
export function listingDigest({ entries }: Maildrop): string {
  const hash = createHash('sha256');
  // A unique-id is printable (RFC 1939 section 7), so neither separator can be part of one.
  hash.update(entries.map(({ number, uidl, sizeBytes }) => `${number} ${uidl ?? ''} ${sizeBytes ?? ''}`).join('\n'));
  return hash.digest('hex');
}

/** Nothing was to be done for a listing, nor will be for the same one, however much time goes by. */
export function isSettled({ hasUidl }: Maildrop, plan: VisitPlan, policy: Pop3Policy): boolean {
  const nothingToDo = plan.checks.length === 0 && plan.fetches.length === 0 && plan.skipped.length === 0;
  return hasUidl && nothingToDo && keepsAll(policy);
}

/** No message is deleted on the server, whatever happens to it here. */
export const keepsAll = ({ afterDownload, deleteWhenExpunged }: Pop3Policy): boolean =>
  afterDownload === 'KEEP' && !deleteWhenExpunged;
