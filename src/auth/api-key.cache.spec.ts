import { describe, expect, it } from '@jest/globals';
import type { ApiKeyId } from '../mailbox/model/ids.js';
import type { ApiKey } from './api-key.js';
import { ApiKeyCache } from './api-key.cache.js';

const key = (id: string): ApiKey => ({ id: id as ApiKeyId, name: '', prefix: '', scopes: [], createdAt: new Date(0) });

describe('ApiKeyCache', () => {
  it('asks again after ten seconds', async () => {
    const cache = new ApiKeyCache();
    let asked = 0;
    const load = async (): Promise<ApiKey> => {
      asked += 1;
      return key('a');
    };
    for (const nowMs of [0, 9_999, 10_000]) await cache.get('hash', load, nowMs);
    expect(asked).toBe(2);
  });

  it('does not keep that there is no such key', async () => {
    const cache = new ApiKeyCache();
    await cache.get('hash', async () => undefined, 0);
    await expect(cache.get('hash', async () => key('a'), 1)).resolves.toBeDefined();
  });

  it('does not keep a key that was read while it was revoked', async () => {
    const cache = new ApiKeyCache();
    let answer!: (found: ApiKey) => void;
    const reading = cache.get('hash', () => new Promise((resolve) => (answer = resolve)), 0);
    cache.drop('a' as ApiKeyId);
    answer(key('a'));
    await reading;
    await expect(cache.get('hash', async () => undefined, 1)).resolves.toBeUndefined();
  });

  it('drops a key under every name it is known by', async () => {
    const cache = new ApiKeyCache();
    for (const name of ['hash', 'a']) await cache.get(name, async () => key('a'), 0);
    cache.drop('a' as ApiKeyId);
    for (const name of ['hash', 'a']) {
      await expect(cache.get(name, async () => undefined, 1)).resolves.toBeUndefined();
    }
  });

  it('holds a bounded number of keys', async () => {
    const cache = new ApiKeyCache();
    for (let i = 0; i < 1001; i += 1) await cache.get(`hash-${i}`, async () => key(`${i}`), 0);
    await expect(cache.get('hash-0', async () => undefined, 1)).resolves.toBeUndefined();
    await expect(cache.get('hash-1000', async () => undefined, 1)).resolves.toBeDefined();
  });
});
