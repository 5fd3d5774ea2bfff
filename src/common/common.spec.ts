import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { backoffMs } from './backoff.js';
import { sleep } from './sleep.js';
import { KeyedMutex } from './keyed-mutex.js';
import { parsePublicId, toPublicId, ID_PREFIXES, type IdKind } from './public-id.js';
import { uuidV7 } from './uuid.js';

describe('public ids', () => {
  const kinds = Object.keys(ID_PREFIXES) as IdKind[];

  it('come back as they went', () => {
    fc.assert(
      fc.property(fc.constantFrom(...kinds), fc.uuid(), (kind, uuid) => {
        expect(parsePublicId(toPublicId(kind, uuid))).toEqual({ kind, uuid });
      }),
    );
  });

  it('are nothing else', () => {
    fc.assert(fc.property(fc.string(), (text) => expect(parsePublicId(text)).toBeUndefined()));
    expect(parsePublicId('xyz_0193a1b2c3d47e5f8a9b0c1d2e3f4a5b')).toBeUndefined();
  });
});

describe('uuidV7', () => {
  it('says its version, and sorts in the order of making, even within a millisecond and when the clock goes back', () => {
    const now = Date.now();
    const made = [...Array.from({ length: 10_000 }, () => uuidV7(now)), uuidV7(now - 5_000), uuidV7(now + 60_000)];
    expect(made[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(made.toSorted()).toEqual(made);
  });
});

describe('backoffMs', () => {
  it('stays between half and the whole of the doubled delay, and under the cap', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.double({ min: 0, max: 1, noNaN: true }), (failures, random) => {
        const delay = backoffMs({ firstMs: 100, maxMs: 5_000 }, failures, () => random);
        const full = Math.min(5_000, 100 * 2 ** (failures - 1));
        expect(delay).toBeGreaterThanOrEqual(Math.floor(full / 2));
        expect(delay).toBeLessThanOrEqual(Math.ceil(full));
      }),
    );
  });
});

describe('sleep', () => {
  it('ends at once when it is aborted, before or meanwhile', async () => {
    const abort = new AbortController();
    const waiting = sleep(60_000, abort.signal);
    abort.abort();
    await expect(waiting).resolves.toBeUndefined();
    await expect(sleep(60_000, abort.signal)).resolves.toBeUndefined();
  });
});

describe('KeyedMutex', () => {
  it('runs tasks of one key one after the other, in order, even when one fails', async () => {
    const mutex = new KeyedMutex<string>();
    const seen: string[] = [];
    const task = (name: string) => async (): Promise<void> => {
      seen.push(`${name} begins`);
      await Promise.resolve();
      seen.push(`${name} ends`);
      if (name === 'a') throw new Error('a');
    };
    const a = mutex.run('k', task('a'));
    const b = mutex.run('k', task('b'));
    await expect(a).rejects.toThrow('a');
    await b;
    expect(seen).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
  });

  it('does not let one key wait for another', async () => {
    const mutex = new KeyedMutex<string>();
    let release!: () => void;
    const held = mutex.run('held', () => new Promise<void>((resolve) => (release = resolve)));
    await expect(mutex.run('free', async () => 'done')).resolves.toBe('done');
    release();
    await held;
  });
});
