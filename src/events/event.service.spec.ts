import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { emptyEnvelope } from '../../test/factories/envelope.js';
import { DataSource } from 'typeorm';
import type { Principal } from '../auth/principal.js';
import type { Change } from '../mailbox/model/change.js';
import {
  changePosition,
  uid,
  uidValidity,
  type AccountId,
  type ApiKeyId,
  type MailboxId,
} from '../mailbox/model/ids.js';
import { NO_FLAGS } from '../mailbox/model/message.js';
import { PostgresMirrorStore } from '../store/postgres-mirror.store.js';
import { Notifications } from '../store/notifications.js';
import { SessionClients } from '../store/session-client.js';
import { select } from '../store/sql.js';
import { insertAccount } from '../../test/factories/stored-account.js';
import { createTestDatabase, type TestDatabase } from '../../test/servers/postgres.js';
import { ChangeFeed } from './change-feed.js';
import { ChangeLogRepository } from './change-log.repository.js';
import { EventService, type ChangeSelection } from './event.service.js';

const ctx: Principal = { kind: 'API_KEY', keyId: 'k' as ApiKeyId, scopes: ['READ'] };

let database: TestDatabase;
let dataSource: DataSource;
let mirror: PostgresMirrorStore;
let notifications: Notifications;
let events: EventService;

beforeAll(async () => {
  database = await createTestDatabase();
  dataSource = await new DataSource({ type: 'postgres', url: database.url, poolSize: 5 }).initialize();
  mirror = new PostgresMirrorStore(dataSource);
  const log = new ChangeLogRepository(dataSource);
  notifications = new Notifications(new SessionClients(dataSource));
  const feed = new ChangeFeed(notifications, log);
  events = new EventService(feed, log, mirror);
  feed.onModuleInit();
  notifications.onApplicationBootstrap();
}, 60_000);

afterAll(async () => {
  await notifications.onApplicationShutdown();
  await dataSource.destroy();
  await database.drop();
});

const newAccount = (): Promise<AccountId> => insertAccount(dataSource);

describe('subscriptions to the change log', () => {
  let accountId: AccountId;
  let inbox: MailboxId;
  let nextUid: number;

  beforeEach(async () => {
    accountId = await newAccount();
    inbox = await mirror.write(accountId, (tx) =>
      tx.insertMailbox({ path: 'INBOX', subscribed: true, selectable: true, complete: false }),
    );
    nextUid = 1;
  });

  /** One transaction with that many messages. */
  async function arrive(count = 1): Promise<void> {
    const messages = Array.from({ length: count }, () => ({
      data: {
        envelope: emptyEnvelope,
        flags: NO_FLAGS,
        internalDate: new Date(),
        sizeBytes: 1,
        root: { partNumber: '1', contentType: 'text/plain', sizeBytes: 1, parts: [] },
        parseWarnings: [],
      },
      remote: { uidValidity: uidValidity(1), uid: uid(nextUid++) },
      initial: false,
    }));
    await mirror.write(accountId, (tx) => tx.insertMessages(inbox, messages));
  }

  async function take(count: number, selection: ChangeSelection, then: () => Promise<void> = async () => undefined) {
    const abort = new AbortController();
    const taken: Change[] = [];
    const stream = events.changes(ctx, selection, abort.signal);
    const reading = (async () => {
      for await (const change of stream) {
        taken.push(change);
        if (taken.length === count) break;
      }
    })();
    await then();
    await reading;
    abort.abort();
    return taken.map(({ position }) => Number(position));
  }

  it('drains what was missed, then goes live, without gap or repeat, while writers write', async () => {
    await arrive(250);
    const selection = { since: [{ accountId, position: changePosition(0) }], accountIds: [accountId] };
    const positions = await take(301, selection, async () => {
      await Promise.all(Array.from({ length: 50 }, () => arrive()));
    });
    expect(positions).toEqual(Array.from({ length: 301 }, (_, i) => i + 1));
  });

  it('gives every listener everything, fast and slow', async () => {
    const selection = { since: [{ accountId, position: changePosition(1) }], accountIds: [accountId] };
    const all = await Promise.all([
      take(40, selection),
      take(40, selection),
      (async () => {
        for (let i = 0; i < 40; i += 1) await arrive();
        return take(40, selection);
      })(),
    ]);
    const expected = Array.from({ length: 40 }, (_, i) => i + 2);
    expect(all).toEqual([expected, expected, expected]);
  });

  it('begins with now where no resume point is given, and hears of accounts that come later', async () => {
    const abort = new AbortController();
    const stream = events.changes(ctx, {}, abort.signal);
    const first = stream.next();
    // The stream listens once its first read has begun; an account added from here on is new to it.
    await events.readChanges(ctx, accountId, changePosition(0), 1);
    await arrive();
    expect((await first).value).toMatchObject({ type: 'MESSAGE_ADDED', accountId });
    const later = await newAccount();
    await mirror.write(later, (tx) =>
      tx.insertMailbox({ path: 'X', subscribed: true, selectable: true, complete: true }),
    );
    expect((await stream.next()).value).toMatchObject({ type: 'MAILBOX_ADDED', accountId: later, position: 1n });
    abort.abort();
    expect((await stream.next()).done).toBe(true);
  });

  it('says CURSOR_EXPIRED when the log no longer reaches back, at the start and in mid-stream', async () => {
    await arrive(5);
    await select(dataSource, 'DELETE FROM change WHERE account_id = $1 AND position <= 3', [accountId]);
    const at = (position: number) => ({ since: [{ accountId, position: changePosition(position) }] });
    await expect(take(1, at(1))).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' });
    await select(dataSource, 'UPDATE account SET changes_trimmed_to = 3 WHERE id = $1', [accountId]);
    await expect(take(1, at(2))).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' });
    await expect(events.readChanges(ctx, accountId, changePosition(2), 5)).rejects.toMatchObject({
      code: 'CURSOR_EXPIRED',
    });
    await expect(take(1, at(3))).resolves.toEqual([4]);
  });

  it('passes over other types without losing its place', async () => {
    await arrive(3);
    const since = [{ accountId, position: changePosition(0) }];
    await expect(take(1, { since, accountIds: [accountId], types: ['MAILBOX_ADDED'] })).resolves.toEqual([1]);
    await expect(take(3, { since, accountIds: [accountId], types: ['MESSAGE_ADDED'] })).resolves.toEqual([2, 3, 4]);
  });

  it('shows nothing of an account that the caller may not see', async () => {
    const other: Principal = { ...ctx, accountIds: [await newAccount()] };
    const stream = events.changes(other, { accountIds: [accountId] }, new AbortController().signal);
    await expect(stream.next()).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(events.readChanges(other, accountId, changePosition(0), 1)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  it('goes on after the database dropped the listening session', async () => {
    const abort = new AbortController();
    const stream = events.changes(ctx, { accountIds: [accountId] }, abort.signal);
    const first = stream.next();
    await events.readChanges(ctx, accountId, changePosition(0), 1);
    await select(
      dataSource,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mailroom feed' AND datname = current_database()`,
    );
    await arrive();
    expect((await first).value).toMatchObject({ type: 'MESSAGE_ADDED' });
    abort.abort();
    await stream.return(undefined);
  }, 20_000);

  it('pages through the log and says when there is more', async () => {
    await arrive(4);
    const page = await events.readChanges(ctx, accountId, changePosition(1), 3);
    expect([page.changes.length, page.position, page.hasMore]).toEqual([3, 4n, true]);
    expect(await events.readChanges(ctx, accountId, changePosition(5), 3)).toEqual({
      changes: [],
      position: 5n,
      hasMore: false,
    });
  });

  it('tells progress now and when it moves', async () => {
    const abort = new AbortController();
    const stream = events.progress(ctx, accountId, abort.signal);
    expect((await stream.next()).value).toMatchObject({ complete: false, messagesSynced: 0 });
    const next = stream.next();
    const progress = { complete: true, messagesTotal: 3, messagesSynced: 3, lastSyncAt: new Date() };
    await mirror.write(accountId, (tx) => tx.saveProgress(inbox, progress));
    expect((await next).value).toMatchObject({ complete: true, messagesTotal: 3 });
    abort.abort();
    expect((await stream.next()).done).toBe(true);
  });
});
