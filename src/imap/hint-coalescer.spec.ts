import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { RemoteHint } from '../mailbox/keeper.port.js';
import { HintCoalescer } from './hint-coalescer.js';

describe('HintCoalescer', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  const inbox: RemoteHint = { kind: 'mailbox', path: 'INBOX' };

  it('says the first at once and those that follow together', () => {
    const said: RemoteHint[] = [];
    const hints = new HintCoalescer((hint) => said.push(hint));
    for (let i = 0; i < 500; i += 1) hints.add(inbox);
    expect(said).toEqual([inbox]);
    hints.add({ kind: 'mailboxes' });
    hints.add({ kind: 'mailbox', path: 'Sent' });
    expect(said).toHaveLength(3);
    jest.advanceTimersByTime(100);
    expect(said.slice(3)).toEqual([inbox]);
    jest.advanceTimersByTime(1_000);
    hints.add(inbox);
    expect(said).toHaveLength(5);
  });

  it('says nothing after it was closed', () => {
    const said: RemoteHint[] = [];
    const hints = new HintCoalescer((hint) => said.push(hint));
    hints.add(inbox);
    hints.add(inbox);
    hints.close();
    jest.advanceTimersByTime(1_000);
    expect(said).toHaveLength(1);
    expect(jest.getTimerCount()).toBe(0);
  });
});
