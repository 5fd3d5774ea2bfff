import { describe, expect, it } from '@jest/globals';
import { SyncQueue } from './sync-queue.js';

describe('SyncQueue', () => {
  it('gives the list first, then news, then history, each once', () => {
    const queue = new SyncQueue();
    queue.addBackfill('Old');
    queue.addReport();
    queue.addPreviews();
    queue.addNews('INBOX');
    queue.addNews('INBOX');
    queue.addList();
    const tasks = [1, 2, 3, 4, 5, 6].map(() => queue.take());
    expect(tasks).toEqual([
      { kind: 'list' },
      { kind: 'news', path: 'INBOX' },
      { kind: 'report' },
      { kind: 'backfill', path: 'Old' },
      { kind: 'previews' },
      undefined,
    ]);
  });

  it('wakes a waiter when something is added, and when it is aborted', async () => {
    const queue = new SyncQueue();
    const abort = new AbortController();
    const first = queue.wait(abort.signal);
    queue.addNews('INBOX');
    await expect(first).resolves.toBe(true);
    queue.take();
    const second = queue.wait(abort.signal);
    abort.abort();
    await expect(second).resolves.toBe(false);
  });
});
