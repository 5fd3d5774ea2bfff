import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { OneAhead } from './one-ahead.js';

const never = Number.POSITIVE_INFINITY;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('OneAhead', () => {
  it('works on every item once, in order, in batches within the limits, one at a time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(20)), fc.integer({ min: 1, max: 5 }), async (sizes, items) => {
        const batches: (readonly number[])[] = [];
        let open = 0;
        const stage = new OneAhead<number>({ items, bytes: 30, ageMs: never }, async (batch) => {
          expect((open += 1)).toBe(1);
          await turn();
          batches.push(batch);
          open -= 1;
        });
        for (const size of sizes) await stage.add(size, size);
        await stage.finish();
        expect(batches.flat()).toEqual(sizes);
        for (const batch of batches) {
          expect(batch.length).toBeLessThanOrEqual(items);
          const allButLast = batch.slice(0, -1).reduce((sum, size) => sum + size, 0);
          expect(allButLast).toBeLessThan(30);
        }
      }),
    );
  });

  it('takes no more than a second batch while it works on the first', async () => {
    let goOn = (): void => undefined;
    const stage = new OneAhead<number>(
      { items: 2, bytes: never, ageMs: never },
      () => new Promise((resolve) => (goOn = resolve)),
    );
    let added = 0;
    const adding = (async () => {
      for (; added < 6; added += 1) await stage.add(added, 0);
    })();
    await turn();
    expect(added).toBe(3);
    goOn();
    await turn();
    expect(added).toBe(5);
    goOn();
    await adding;
    const finished = stage.finish();
    await turn();
    goOn();
    await finished;
  });

  it('sends what has waited too long with the next item', async () => {
    const batches: (readonly string[])[] = [];
    const stage = new OneAhead<string>({ items: 9, bytes: never, ageMs: 0 }, async (batch) => void batches.push(batch));
    await stage.add('one', 0);
    await stage.add('two', 0);
    expect(batches).toEqual([['one'], ['two']]);
  });

  it('gives a failure to whoever comes next', async () => {
    const stage = new OneAhead<number>({ items: 1, bytes: never, ageMs: never }, async () => {
      throw new Error('away');
    });
    await stage.add(1, 0);
    await turn();
    await expect(stage.add(2, 0)).rejects.toThrow('away');
    await expect(stage.finish()).rejects.toThrow('away');
  });
});
