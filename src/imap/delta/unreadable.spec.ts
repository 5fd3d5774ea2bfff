import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { uidValidity } from '../../mailbox/model/ids.js';
import { UnreadableMessages } from './unreadable.js';

const minuteMs = 60_000;
const first = uidValidity(1);

describe('UnreadableMessages', () => {
  let nowMs: number;
  beforeEach(() => {
    nowMs = 1_000_000;
    jest.spyOn(performance, 'now').mockImplementation(() => nowMs);
  });
  afterEach(() => void jest.restoreAllMocks());

  it('are tried again after a minute or two, and then ever more rarely, but at least three times a day', () => {
    const unreadable = new UnreadableMessages();
    const waits: number[] = [];
    for (let failures = 1; failures <= 12; failures += 1) {
      unreadable.add('INBOX', first, { uid: 7 });
      expect(unreadable.duePaths()).toEqual([]);
      const beganMs = nowMs;
      while (unreadable.due('INBOX', first).length === 0) nowMs += minuteMs / 4;
      expect(unreadable.duePaths()).toEqual(['INBOX']);
      waits.push((nowMs - beganMs) / minuteMs);
    }
    expect(waits[0]).toBeGreaterThanOrEqual(1);
    expect(waits[0]).toBeLessThanOrEqual(2.25);
    expect(Math.max(...waits)).toBeGreaterThan(4 * 60 - 1);
    expect(Math.max(...waits)).toBeLessThanOrEqual(8 * 60 + 1);
  });

  it('that the mirror remembers are tried at once, and asked for once', async () => {
    const unreadable = new UnreadableMessages();
    const known = jest.fn(async () => [3, 5]);
    await unreadable.recall('INBOX', first, known);
    await unreadable.recall('INBOX', first, known);
    expect(known).toHaveBeenCalledTimes(1);
    expect(unreadable.due('INBOX', first)).toEqual([3, 5]);
    unreadable.add('INBOX', first, { uid: 3 });
    unreadable.remove('INBOX', first, 5);
    expect([...unreadable.of('INBOX', first).keys()]).toEqual([3]);
  });

  it('are forgotten with the UIDs they had', () => {
    const unreadable = new UnreadableMessages();
    unreadable.add('INBOX', first, { uid: 3 });
    unreadable.add('INBOX', uidValidity(2), { uid: 4 });
    nowMs += 10 * minuteMs;
    expect(unreadable.of('INBOX', first).size).toBe(0);
    expect(unreadable.due('INBOX', uidValidity(2))).toEqual([4]);
  });
});
