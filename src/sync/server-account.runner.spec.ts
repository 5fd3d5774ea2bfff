import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { RemoteHint, ServerKeeper } from '../mailbox/keeper.port.js';
import { MailError } from '../mailbox/mailbox.errors.js';
import type { AccountId, MailboxId } from '../mailbox/model/ids.js';
import type { Mailbox } from '../mailbox/model/mailbox.js';
import type { MirrorStore } from '../store/mirror.port.js';
import type { RunnerEvent } from './account-runner.js';
import type { MailboxSynchroniser } from './mailbox-synchroniser.js';
import { ServerAccountRunner } from './server-account.runner.js';

const accountId = 'acc' as AccountId;
const box = (path: string, patch: Partial<Mailbox> = {}): Mailbox => ({
  id: path as MailboxId,
  accountId,
  path,
  subscribed: true,
  selectable: true,
  totalMessages: 0,
  unseenMessages: 0,
  sync: { complete: true, messagesTotal: 0, messagesSynced: 0 },
  ...patch,
});

describe('ServerAccountRunner', () => {
  let mailboxes: Mailbox[];
  let failures: Map<string, Error>;
  let events: RunnerEvent[];
  let read: string[];
  let lists: number;
  let cleared: string[];
  let unfinished: Set<string>;
  let settled: number;
  let hint: (hint: RemoteHint) => void;
  let changed: () => void;
  let stop: AbortController;
  let running: Promise<void>;

  beforeEach(() => {
    Logger.overrideLogger(false);
    failures = new Map();
    events = [];
    read = [];
    lists = 0;
    cleared = [];
    unfinished = new Set();
    settled = 0;
    changed = () => undefined;
    stop = new AbortController();
  });
  afterEach(async () => {
    stop.abort();
    await running.catch(() => undefined);
  });

  const run = (): void => {
    const keeper = {
      storage: 'SERVER',
      watch: (onHint: (hint: RemoteHint) => void, onReady: () => void, signal: AbortSignal) => {
        hint = onHint;
        onReady();
        return new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      },
    } as unknown as ServerKeeper;
    const synchroniser = {
      synchroniseList: async () => {
        lists += 1;
        return [];
      },
      synchronise: async (_: ServerKeeper, id: string) => {
        read.push(id);
        const failure = failures.get(id);
        if (failure) throw failure;
        return !unfinished.delete(id);
      },
      clear: async (_: ServerKeeper, { id }: Mailbox) => cleared.push(id),
      settleRest: async () => (settled += 1),
    } as unknown as MailboxSynchroniser;
    const mirror = {
      mailboxesOf: async () => mailboxes,
      findWithoutPreview: async () => [],
    } as unknown as MirrorStore;
    const status = async (event: RunnerEvent): Promise<void> => {
      events.push(event);
      changed();
    };
    running = new ServerAccountRunner({ accountId, keeper, epoch: 1n, synchroniser, mirror, status }).run(stop.signal);
    running.catch(() => undefined);
  };
  /** Until this many times something was told, and nothing is left to do. */
  const quiet = async (succeeded: number): Promise<void> => {
    const enough = (): boolean => events.filter((event) => event === 'succeeded').length >= succeeded;
    while (!enough()) await new Promise<void>((resolve) => (changed = resolve));
    await new Promise((resolve) => setImmediate(resolve));
  };

  it('reads INBOX first, then what people look at, and no container', async () => {
    mailboxes = [
      box('z'),
      box('Trash', { specialUse: 'TRASH' }),
      box('c', { selectable: false }),
      box('INBOX', { specialUse: 'INBOX' }),
    ];
    run();
    await quiet(1);
    expect(read).toEqual(['INBOX', 'Trash', 'z']);
  });

  it('IMAP case 13: goes on when one mailbox refuses to be read, and lists once more when one is not there', async () => {
    mailboxes = [box('a'), box('b'), box('c')];
    failures.set('a', new MailError('SERVER_REJECTED', 'no'));
    failures.set('b', new MailError('NOT_FOUND', 'gone'));
    run();
    await quiet(1);
    expect(read).toEqual(['a', 'b', 'c', 'a', 'b']);
    expect(lists).toBe(2);
    expect(cleared).toEqual(['b']);
    hint({ kind: 'mailbox', path: 'b' });
    await quiet(2);
    expect(lists).toBe(3);
    expect(cleared).toEqual(['b', 'b']);
    stop.abort();
    await expect(running).resolves.toBeUndefined();
  });

  it('comes back to a mailbox of which not everything was found, after the others', async () => {
    mailboxes = [box('a'), box('b')];
    unfinished.add('a');
    run();
    await quiet(1);
    expect(read).toEqual(['a', 'b', 'a']);
  });

  it('ends when the connection is lost', async () => {
    mailboxes = [box('a')];
    failures.set('a', new MailError('CONNECTION_FAILED', 'cut'));
    run();
    await expect(running).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
  });

  it('says that all is well when the watch has asked and there was nothing', async () => {
    mailboxes = [];
    run();
    await quiet(1);
    const before = events.length;
    hint({ kind: 'asked' });
    await quiet(before + 1);
    expect(read).toEqual([]);
    expect(settled).toBe(1);
    hint({ kind: 'mailbox', path: 'unknown' });
    hint({ kind: 'mailboxes' });
    await quiet(before + 2);
    expect(lists).toBe(2);
  });
});
