import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { KeeperProvider } from '../mailbox/keeper-provider.port.js';
import type { Attention, Keeper } from '../mailbox/keeper.port.js';
import { MailError } from '../mailbox/mailbox.errors.js';
import type { AccountId, MailboxId } from '../mailbox/model/ids.js';
import type { Mailbox } from '../mailbox/model/mailbox.js';
import { MailboxRefresher } from './mailbox-refresher.js';

const box = (path: string, patch: Partial<Mailbox> = {}): Mailbox => ({
  id: path as MailboxId,
  accountId: 'acc' as AccountId,
  path,
  subscribed: true,
  selectable: true,
  totalMessages: 0,
  unseenMessages: 0,
  sync: { complete: true, messagesTotal: 0, messagesSynced: 0, lastSyncAt: new Date(Date.now() - 3_600_000) },
  ...patch,
});

describe('MailboxRefresher', () => {
  let refreshed: string[];
  let attention: Attention | undefined;
  let storage: Keeper['storage'];
  let failure: Error | undefined;
  let wellAt: Date | undefined;
  let away: boolean;
  let refresher: MailboxRefresher;

  beforeEach(() => {
    jest.useFakeTimers();
    refreshed = [];
    attention = undefined;
    storage = 'SERVER';
    failure = undefined;
    wellAt = undefined;
    away = false;
    refresher = new MailboxRefresher({
      keeperOf: async () => {
        if (failure) throw failure;
        return { storage, attentionTo: () => attention } as unknown as Keeper;
      },
      refreshMailbox: async (id: MailboxId) => {
        refreshed.push(id);
        if (away) throw new MailError('CONNECTION_FAILED', 'away');
      },
    } as unknown as KeeperProvider);
  });
  afterEach(() => {
    refresher.onModuleDestroy();
    jest.useRealTimers();
  });

  const touch = async (...mailboxes: Mailbox[]) =>
    (await refresher.touch(mailboxes, () => wellAt)).map(({ path }) => path);
  const secondsAgo = (seconds: number) => performance.now() - seconds * 1000;

  it('compares what was not compared for a while, says that it may be old, and does not do it again at once', async () => {
    await expect(touch(box('a'), box('b'))).resolves.toEqual(['a', 'b']);
    await expect(touch(box('a'))).resolves.toEqual(['a']);
    expect(refreshed).toEqual(['a', 'b']);
    await jest.advanceTimersByTimeAsync(11_000);
    await touch(box('a'));
    expect(refreshed).toEqual(['a', 'b', 'a']);
  });

  it('leaves alone what was read a moment ago, has never been read, or cannot be', async () => {
    const sync = { complete: true, messagesTotal: 0, messagesSynced: 0, lastSyncAt: new Date() };
    const mailboxes = [
      box('a', { sync }),
      box('b', { sync: { ...sync, complete: false } }),
      box('c', { selectable: false }),
    ];
    await expect(touch(...mailboxes)).resolves.toEqual([]);
    expect(refreshed).toEqual([]);
  });

  it('knows what the watch was told a moment ago', async () => {
    attention = { knownAtMs: secondsAgo(1), told: true };
    await expect(touch(box('a'))).resolves.toEqual([]);
    expect(refreshed).toEqual([]);
  });

  it('compares what the server should have told, and does not call it old', async () => {
    attention = { knownAtMs: secondsAgo(50), told: true };
    await expect(touch(box('a'))).resolves.toEqual([]);
    expect(refreshed).toEqual(['a']);
  });

  it('trusts another instance that watches the account', async () => {
    wellAt = new Date(Date.now() - 50_000);
    await expect(touch(box('INBOX', { specialUse: 'INBOX' }), box('a'))).resolves.toEqual([]);
    expect(refreshed).toEqual(['a']);
    wellAt = new Date(Date.now() - 500_000);
    await expect(touch(box('INBOX', { specialUse: 'INBOX' }))).resolves.toEqual(['INBOX']);
  });

  it('has nothing to compare where messages live here, or the account is paused', async () => {
    storage = 'GATEWAY';
    await expect(touch(box('a'))).resolves.toEqual([]);
    failure = new MailError('CONFLICT', 'paused');
    await expect(touch(box('a'))).resolves.toEqual([]);
    expect(refreshed).toEqual([]);
  });

  it('goes on when a mailbox could not be compared', async () => {
    Logger.overrideLogger(false);
    away = true;
    await touch(box('a'));
    await jest.advanceTimersByTimeAsync(11_000);
    await touch(box('a'));
    expect(refreshed).toEqual(['a', 'a']);
  });

  it('touches no more than some mailboxes with one list', async () => {
    await touch(...Array.from({ length: 50 }, (_, i) => box(`${i}`)));
    expect(refreshed).toHaveLength(10);
  });
});
