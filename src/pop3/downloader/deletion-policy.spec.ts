import { describe, expect, it } from '@jest/globals';
import type { Pop3Policy } from '../../accounts/account.js';
import type { LedgerRow } from '../../store/download-ledger.port.js';
import { wantsDeletion } from './deletion-policy.js';

const day = 86_400_000;
const now = new Date('2026-06-01T12:00:00Z');
const ago = (ms: number): Date => new Date(now.getTime() - ms);
const row: LedgerRow = {
  id: '1',
  uidl: 'a',
  state: 'STORED',
  onServer: true,
  attempts: 0,
  storedAt: now,
  purged: false,
};
const policy = (more: Partial<Pop3Policy> = {}): Pop3Policy => ({
  afterDownload: 'KEEP',
  deleteWhenExpunged: false,
  pollIntervalSeconds: 300,
  ...more,
});

describe('deletion on the server', () => {
  it.each<[string, Partial<LedgerRow>, Partial<Pop3Policy>, boolean]>([
    ['KEEP keeps', {}, {}, false],
    ['KEEP keeps what was purged here', { purged: true }, {}, false],
    ['what was purged here goes where that is wanted', { purged: true }, { deleteWhenExpunged: true }, true],
    ['what was not purged stays', {}, { deleteWhenExpunged: true }, false],
    ['DELETE deletes', {}, { afterDownload: 'DELETE' }, true],
    [
      'not before its days',
      { storedAt: ago(7 * day - 1) },
      { afterDownload: 'DELETE_AFTER_DAYS', deleteAfterDays: 7 },
      false,
    ],
    ['after its days', { storedAt: ago(7 * day) }, { afterDownload: 'DELETE_AFTER_DAYS', deleteAfterDays: 7 }, true],
    ['never without a number of days', { storedAt: ago(999 * day) }, { afterDownload: 'DELETE_AFTER_DAYS' }, false],
    [
      'not again at once after two attempts',
      { attempts: 2, failedAt: ago(day - 1) },
      { afterDownload: 'DELETE' },
      false,
    ],
    ['again after a day', { attempts: 2, failedAt: ago(day) }, { afterDownload: 'DELETE' }, true],
  ])('%s', (_, ledgerRow, thePolicy, wanted) => {
    expect(wantsDeletion({ ...row, ...ledgerRow }, policy(thePolicy), now)).toBe(wanted);
  });
});
