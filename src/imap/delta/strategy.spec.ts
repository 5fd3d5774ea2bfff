import { describe, expect, it } from '@jest/globals';
import { modSeq, uidValidity } from '../../mailbox/model/ids.js';
import { nextWindowSize } from './first-sync.js';
import { chooseStart, chooseStrategy, type StrategyInput } from './strategy.js';

const input: StrategyInput = {
  qresync: true,
  condstore: true,
  mailboxModSeq: modSeq(9),
  checkpointModSeq: modSeq(5),
  full: false,
  exists: 100_000,
  windowMessages: 2_000,
  sweepDue: false,
};

describe('the way to find changes', () => {
  it.each<[string, Partial<StrategyInput>, string]>([
    ['is the best the server has', {}, 'QRESYNC'],
    ['is CONDSTORE without QRESYNC', { qresync: false }, 'CONDSTORE'],
    ['compares all when asked to, whatever the server has', { full: true }, 'ALL'],
    ['reads all once when mod-sequences are new', { checkpointModSeq: undefined }, 'ALL'],
    ['looks at the newest in a mailbox without mod-sequences', { mailboxModSeq: undefined }, 'WINDOW'],
    ['reads all of a small one', { mailboxModSeq: undefined, exists: 2_000 }, 'ALL'],
    ['reads all from time to time', { mailboxModSeq: undefined, sweepDue: true }, 'ALL'],
  ])('%s', (_what, patch, wanted) => {
    expect(chooseStrategy({ ...input, ...patch })).toBe(wanted);
  });
});

describe('where reading begins', () => {
  const checkpoint = { uidValidity: uidValidity(7), lowestUid: 1, nextUid: 9 };
  it('depends on what the UIDs mean', () => {
    expect(chooseStart(undefined, uidValidity(7))).toBe('first');
    expect(chooseStart(checkpoint, uidValidity(7))).toBe('delta');
    expect(chooseStart(checkpoint, uidValidity(8))).toBe('reset');
  });
});

describe('the size of the next window', () => {
  it('grows, but not above what should come at a time', () => {
    expect(nextWindowSize(200, 200, 200 * 700)).toBe(800);
    expect(nextWindowSize(2_000, 2_000, 2_000 * 700)).toBe(2_000);
    expect(nextWindowSize(800, 800, 800 * 16_384)).toBe(256);
    expect(nextWindowSize(200, 200, 200 * 2 ** 20)).toBe(50);
    expect(nextWindowSize(200, 0, 0)).toBe(800);
  });
});
