import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Pop3Policy } from '../../accounts/account.js';
import type { LedgerRow, LedgerState } from '../../store/download-ledger.port.js';
import type { Uidl } from '../listing.js';
import type { Maildrop } from '../maildrop.js';
import { wantsDeletion } from './deletion-policy.js';
import { DELETIONS_PER_SESSION, planVisit } from './plan-visit.js';

const now = new Date('2026-06-01T12:00:00Z');
const ago = (ms: number): Date => new Date(now.getTime() - ms);
const hour = 3_600_000;
const KEEP: Pop3Policy = { afterDownload: 'KEEP', deleteWhenExpunged: false, pollIntervalSeconds: 300 };

let made = 0;
const row = (uidl: string, more: Partial<LedgerRow> = {}): LedgerRow => ({
  id: `row${(made += 1)}`,
  uidl,
  state: 'STORED',
  listSizeBytes: 100,
  sha256: uidl,
  onServer: true,
  attempts: 0,
  storedAt: ago(hour),
  purged: false,
  ...more,
});
const maildrop = (...listed: (string | [uidl: string | undefined, sizeBytes: number | undefined])[]): Maildrop => {
  const entries = listed.map((one, i) => {
    const [uidl, sizeBytes] = typeof one === 'string' ? [one, 100] : one;
    return { number: i + 1, uidl: uidl as Uidl | undefined, sizeBytes };
  });
  return { entries, hasUidl: entries.length === 0 || entries.some(({ uidl }) => uidl !== undefined) };
};
const numbers = (list: readonly { readonly number: number }[]): readonly number[] => list.map(({ number }) => number);

describe('the plan of a visit', () => {
  it('fetches what is new and believes ids that were always listed with one size', () => {
    const plan = planVisit(maildrop('a', 'b'), [row('a')], KEEP, now);
    expect(numbers(plan.fetches)).toEqual([2]);
    expect(plan).toMatchObject({ alreadyStored: 1, checks: [], candidates: [] });
  });

  it.each<[string, Partial<LedgerRow>]>([
    ['was away', { onServer: false }],
    ['was to be deleted, and nobody knows whether it was', { state: 'DELETING' }],
    ['was deleted', { state: 'DELETED', onServer: false }],
    ['has another size', { listSizeBytes: 101 }],
  ])('looks at a message whose id is known, but which %s', (_, more) => {
    const known = row('a', more);
    const plan = planVisit(maildrop('a'), [known, row('b')], KEEP, now);
    expect(plan.checks).toMatchObject([{ number: 1, kind: 'reused' }]);
    expect(plan).toMatchObject({ fetches: [], alreadyStored: 0 });
    expect(plan.candidates).toContain(known);
  });

  it('believes an id where one side does not know the size', () => {
    expect(planVisit(maildrop(['a', undefined]), [row('a')], KEEP, now).alreadyStored).toBe(1);
    expect(planVisit(maildrop('a'), [row('a', { listSizeBytes: undefined })], KEEP, now).alreadyStored).toBe(1);
  });

  it('suspects new ids for all where nothing that is listed is known', () => {
    const plan = planVisit(maildrop('x', 'y'), [row('a'), row('b', { onServer: false })], KEEP, now);
    expect(plan.checks.map(({ kind }) => kind)).toEqual(['renumbered', 'renumbered']);
    expect(plan.candidates).toHaveLength(2);
    expect(planVisit(maildrop('x'), [row('a', { state: 'DELETED' })], KEEP, now).checks).toEqual([]);
  });

  it('reads everything where there are no ids, and compares it with all that is known', () => {
    const plan = planVisit(maildrop([undefined, 1], [undefined, 2]), [row('sha256:a')], KEEP, now);
    expect(numbers(plan.fetches)).toEqual([1, 2]);
    expect(plan.candidates).toHaveLength(1);
    expect(plan.observations).toEqual({ vanished: [], deleted: [], forgotten: [] });
  });

  it('notes what is not listed any more, and forgets failures to read it', () => {
    const rows = [
      row('a'),
      row('b', { state: 'DELETING' }),
      row('c', { state: 'FAILED' }),
      row('d', { onServer: false }),
    ];
    const [a, b, c] = rows.map(({ id }) => id);
    expect(planVisit(maildrop(), rows, KEEP, now).observations).toEqual({
      vanished: [a],
      deleted: [b],
      forgotten: [c],
    });
  });

  it('skips what is too large, until the limit is raised', () => {
    const listing = maildrop(['a', 1001], ['b', 1000]);
    expect(planVisit(listing, [], { ...KEEP, maxMessageBytes: 1000 }, now).skipped).toEqual([
      { number: 1, uidl: 'a', sizeBytes: 1001, reason: 'TOO_LARGE' },
    ]);
    expect(planVisit(listing, [], { ...KEEP, maxMessageBytes: 1001 }, now).skipped).toEqual([]);
  });

  it('names what it skips in one line of text', () => {
    const failed = row('a\0b\r', { state: 'FAILED', attempts: 3, failedAt: now });
    expect(planVisit(maildrop('a\0b\r'), [failed], KEEP, now).skipped).toEqual([
      { number: 1, uidl: 'a?b?', sizeBytes: 100, reason: 'RESTING' },
    ]);
  });

  it('lets a message rest over which sessions break, longer each time and at most a day', () => {
    const isFetched = (attempts: number, failedAt: Date): boolean =>
      planVisit(maildrop('a'), [row('a', { state: 'FAILED', attempts, failedAt })], KEEP, now).fetches.length === 1;
    expect(isFetched(2, now)).toBe(true);
    expect(isFetched(3, now)).toBe(false);
    expect(isFetched(3, ago(hour))).toBe(true);
    expect(isFetched(9, ago(hour))).toBe(false);
    expect(isFetched(99, ago(23 * hour))).toBe(false);
    expect(isFetched(99, ago(24 * hour))).toBe(true);
  });

  it('deletes in slices', () => {
    const ids = Array.from({ length: DELETIONS_PER_SESSION + 7 }, (_, i) => `u${i}`);
    const rows = ids.map((id) => row(id));
    const plan = planVisit(maildrop(...ids), rows, { ...KEEP, afterDownload: 'DELETE' }, now);
    expect(plan).toMatchObject({ alreadyStored: 7, unfinished: true });
    expect(plan.checks).toHaveLength(DELETIONS_PER_SESSION);
  });

  it('accounts for every listed message once, whatever is listed and known', () => {
    const uidl = fc.constantFrom('a', 'b', 'c', 'A', 'a ');
    const size = fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined });
    const ledgerRow = fc.record({
      uidl,
      state: fc.constantFrom<LedgerState>('STORED', 'DELETING', 'DELETED', 'FAILED'),
      listSizeBytes: size,
      onServer: fc.boolean(),
      attempts: fc.integer({ min: 0, max: 4 }),
      failedAt: fc.constantFrom(undefined, now, ago(30 * hour)),
      purged: fc.boolean(),
    });
    const policy = fc.record({
      afterDownload: fc.constantFrom<Pop3Policy['afterDownload']>('KEEP', 'DELETE', 'DELETE_AFTER_DAYS'),
      deleteAfterDays: fc.constantFrom(0, 7),
      deleteWhenExpunged: fc.boolean(),
      maxMessageBytes: fc.constantFrom(undefined, 1),
      pollIntervalSeconds: fc.constant(300),
    });
    const listing = fc.array(fc.tuple(fc.option(uidl, { nil: undefined }), size), { maxLength: 8 });
    fc.assert(
      fc.property(listing, fc.array(ledgerRow, { maxLength: 8 }), policy, (listed, known, thePolicy) => {
        const drop = maildrop(...listed);
        const rows = known.map(({ uidl: id, ...more }) => row(id, more));
        const plan = planVisit(drop, rows, thePolicy, now);
        expect(plan.checks.length + plan.fetches.length + plan.alreadyStored + plan.skipped.length).toBe(listed.length);
        // A message is believed stored only while a row of its own is, and that row can then be no other message.
        const believed = rows.filter((one) => one.state !== 'FAILED' && !plan.candidates.includes(one));
        expect(believed).toHaveLength(plan.alreadyStored);
        expect(believed.every((one) => one.state === 'STORED' && one.onServer)).toBe(true);
        // Nothing is looked at for deletion but what policy may want.
        const wanted = rows.some((one) => wantsDeletion(one, thePolicy, now));
        expect(plan.checks.some(({ kind }) => kind === 'deletion') && !wanted).toBe(false);
        const { maxMessageBytes = Infinity } = thePolicy;
        expect(plan.fetches.every(({ sizeBytes }) => (sizeBytes ?? 0) <= maxMessageBytes)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});
