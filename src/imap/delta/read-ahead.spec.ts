import { describe, expect, it } from '@jest/globals';
import { readAhead } from './read-ahead.js';

describe('readAhead', () => {
  it('has the next item made while one is being used, and no more than that', async () => {
    const made: number[] = [];
    async function* count(): AsyncGenerator<number, void, undefined> {
      for (let i = 1; i <= 4; i += 1) {
        made.push(i);
        yield i;
      }
    }
    const seen: [number, number][] = [];
    for await (const item of readAhead(count())) {
      await Promise.resolve();
      seen.push([item, made.length]);
    }
    expect(seen).toEqual([
      [1, 2],
      [2, 3],
      [3, 4],
      [4, 4],
    ]);
  });

  it('throws a failure in its turn, not before', async () => {
    async function* failing(): AsyncGenerator<number, void, undefined> {
      yield 1;
      throw new Error('no more');
    }
    const seen: number[] = [];
    const reading = (async () => {
      for await (const item of readAhead(failing())) seen.push(item);
    })();
    await expect(reading).rejects.toThrow('no more');
    expect(seen).toEqual([1]);
  });

  it('ends its source when the receiver stops', async () => {
    let ended = false;
    async function* endless(): AsyncGenerator<number, void, undefined> {
      try {
        for (let i = 1; ; i += 1) yield i;
      } finally {
        ended = true;
      }
    }
    for await (const item of readAhead(endless())) if (item === 2) break;
    expect(ended).toBe(true);
  });
});
