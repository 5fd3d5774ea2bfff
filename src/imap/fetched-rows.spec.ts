import { describe, expect, it } from '@jest/globals';
import { FetchedRows } from './fetched-rows.js';
import type { Flow } from './imap.flow.js';
import { targetWindowBytes } from './imap.limits.js';
import type { FetchedRow } from './imap.mapping.js';

const row = (uid: number): FetchedRow => ({ seq: uid, uid, size: 1 });
const uidsOf = (rows: readonly FetchedRow[]): number[] => rows.map(({ uid }) => uid);

/** A FETCH that gives these rows: numbers by imapflow, the others as they are told from their lines. */
function start(rows: readonly (FetchedRow | number)[], bytesEach = 1, failure?: Error) {
  const given: number[] = [];
  let received = 0;
  const flow = {
    takeRow: undefined as Flow['takeRow'],
    stats: () => ({ sent: 0, received }),
    async *fetch() {
      for (const each of rows) {
        received += bytesEach;
        given.push(typeof each === 'number' ? each : each.uid);
        if (typeof each === 'number') yield row(each);
        else await flow.takeRow?.(each);
      }
      if (failure) throw failure;
    },
  };
  return {
    flow,
    given,
    fetched: new FetchedRows(flow as unknown as Flow, '1:*', {}, { toItem: (one) => one, uid: true }),
  };
}

describe('the rows of a FETCH', () => {
  it('come in their order, by whichever way they are read', async () => {
    const { fetched, flow } = start([row(1), 2, row(3), row(4), 5]);
    const { rows, last } = await fetched.take(100);
    expect([uidsOf(rows), last]).toEqual([[1, 2, 3, 4, 5], true]);
    expect(flow.takeRow).toBeUndefined();
  });

  it('come in lots, and no more is read than the next lot begins with', async () => {
    const { fetched, given } = start([row(1), 2, row(3), row(4), row(5)]);
    const lots: unknown[] = [];
    for (let last = false; !last;) {
      const lot = await fetched.take(2);
      lots.push([uidsOf(lot.rows), given.length]);
      last = lot.last;
    }
    expect(lots).toEqual([
      [[1, 2], 2],
      [[3, 4], 4],
      [[5], 5],
    ]);
  });

  it('make smaller lots where they are large', async () => {
    const { fetched } = start([row(1), row(2), row(3), row(4)], targetWindowBytes / 2);
    const { rows, last } = await fetched.take(100);
    expect([uidsOf(rows), last]).toEqual([[1, 2, 3], false]);
  });

  it('are given once where imapflow had to ask for all of them again, but for news of flags', async () => {
    const flags = (uid: number): FetchedRow => ({ seq: uid, uid, flags: new Set(['\\Seen']) });
    const { fetched } = start([row(1), 2, flags(1), row(1), 2, row(3), flags(1)]);
    expect(uidsOf((await fetched.take(100)).rows)).toEqual([1, 2, 1, 3, 1]);
  });

  it('are made into what is wanted of them, and left out where nothing is', async () => {
    const { flow } = start([row(1), 2, row(3), 4]);
    const toItem = ({ uid }: FetchedRow): string | undefined => (uid % 3 === 0 ? undefined : `uid ${uid}`);
    const fetched = new FetchedRows(flow as unknown as Flow, '1:*', {}, { toItem, uid: true });
    expect(await fetched.take(100)).toEqual({ rows: ['uid 1', 'uid 2', 'uid 4'], last: true });
  });

  it('come before what ended them', async () => {
    const failure = new Error('gone');
    const { fetched } = start([row(1), 2], 1, failure);
    const lot = await fetched.take(100);
    expect([uidsOf(lot.rows), lot.last, lot.failure]).toEqual([[1, 2], true, failure]);
  });

  it('are read to the end and let go of when nobody wants them', async () => {
    const { fetched, flow, given } = start([row(1), 2, row(3), 4]);
    await fetched.take(1);
    fetched.drop();
    expect((await fetched.take(100)).rows).toEqual([]);
    expect([given, flow.takeRow]).toEqual([[1, 2, 3, 4], undefined]);
  });
});
