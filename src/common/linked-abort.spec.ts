import { getEventListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { LinkedAbort, withDeadline } from './linked-abort.js';

describe('LinkedAbort', () => {
  it('aborts with any of its parents, with that one’s reason, and at once where one has already', () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const { signal } = new LinkedAbort(one.signal, other.signal);
    expect(signal.aborted).toBe(false);
    other.abort('why');
    expect(signal.reason).toBe('why');
    expect(new LinkedAbort(one.signal, other.signal).signal.reason).toBe('why');
  });

  it('aborts by itself, and its parents do not', () => {
    const parent = new AbortController();
    const linked = new LinkedAbort(parent.signal);
    linked.abort();
    expect(linked.signal.aborted).toBe(true);
    expect(parent.signal.aborted).toBe(false);
  });

  it('leaves nothing on its parents when it is over', () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const unlinked = new LinkedAbort(one.signal, other.signal);
    unlinked.unlink();
    new LinkedAbort(one.signal, other.signal).abort();
    expect(getEventListeners(one.signal, 'abort')).toEqual([]);
    const linked = new LinkedAbort(one.signal, other.signal);
    other.abort();
    expect(linked.signal.aborted).toBe(true);
    expect(getEventListeners(one.signal, 'abort')).toEqual([]);
    expect(unlinked.signal.aborted).toBe(false);
  });
});

describe('withDeadline', () => {
  const never = (signal: AbortSignal): Promise<void> =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));

  it('ends what takes too long with a TimeoutError', async () => {
    const { signal } = new AbortController();
    await expect(withDeadline(signal, 5, never)).rejects.toMatchObject({ name: 'TimeoutError' });
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('ends with the caller’s signal, and hands on what the work gives', async () => {
    const caller = new AbortController();
    const ended = withDeadline(caller.signal, 60_000, never);
    caller.abort(new Error('enough'));
    await expect(ended).rejects.toThrow('enough');
    await expect(withDeadline(new AbortController().signal, 60_000, async () => 'done')).resolves.toBe('done');
  });
});
