import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { UidSet } from './uid-set.js';

const uids = fc.uniqueArray(fc.integer({ min: 1, max: 300 })).map((list) => list.sort((a, b) => a - b));

describe('UidSet', () => {
  it('comes back as it went, whatever the line length', () => {
    fc.assert(
      fc.property(uids, fc.integer({ min: 7, max: 60 }), (list, maxChars) => {
        const lines = UidSet.of(list).lines(maxChars);
        expect(lines.every((line) => line.length <= maxChars)).toBe(true);
        expect(lines.flatMap((line) => [...UidSet.parse(line)])).toEqual(list);
        expect(UidSet.of(list).size).toBe(list.length);
      }),
    );
  });

  it('is put together and compared', () => {
    fc.assert(
      fc.property(uids, uids, uids, (one, two, known) => {
        const both = UidSet.union([UidSet.of(one), UidSet.of(two)]);
        expect([...both]).toEqual([...new Set([...one, ...two])].sort((a, b) => a - b));
        expect(both.among(known)).toEqual(known.filter((uid) => one.includes(uid) || two.includes(uid)));
      }),
    );
  });

  it('reads what servers send, and leaves out what is no UID', () => {
    expect([...UidSet.parse('9,3:1,2,7:8')]).toEqual([1, 2, 3, 7, 8, 9]);
    expect([...UidSet.parse('*,0,5:*,x,99999999999,4294967296, 6 ,')]).toEqual([6]);
    expect(UidSet.parse('1:4294967295').size).toBe(4294967295);
    expect(UidSet.parse('')).toMatchObject({ size: 0, first: 0, last: 0 });
  });

  it('splits off the newest', () => {
    fc.assert(
      fc.property(uids, fc.integer({ min: 0, max: 320 }), (list, count) => {
        const { newest, rest } = UidSet.of(list).splitNewest(count);
        expect([...newest]).toEqual(count === 0 ? [] : list.slice(-count));
        expect([...rest]).toEqual(count === 0 ? list : list.slice(0, -count));
        expect([...UidSet.of(list).oldest(count)]).toEqual(list.slice(0, count));
      }),
    );
  });

  it('tells what is missing on either side', () => {
    fc.assert(
      fc.property(uids, uids, fc.integer({ min: 1, max: 300 }), (list, other, middle) => {
        const set = UidSet.of(list);
        expect(set.absent(other)).toEqual(other.filter((uid) => !list.includes(uid)));
        expect([...set.without(other)]).toEqual(list.filter((uid) => !other.includes(uid)));
        expect([...set.within(middle, 250)]).toEqual(list.filter((uid) => uid >= middle && uid <= 250));
        expect(set.has(middle)).toBe(list.includes(middle));
      }),
    );
  });
});
