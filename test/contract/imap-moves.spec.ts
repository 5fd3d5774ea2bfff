import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { ChangeLogRepository } from '../../src/events/change-log.repository.js';
import type { ServerKeeper } from '../../src/mailbox/keeper.port.js';
import type { AccountId, MailboxId, MessageId } from '../../src/mailbox/model/ids.js';
import { PostgresMirrorStore } from '../../src/store/postgres-mirror.store.js';
import { MailboxSynchroniser } from '../../src/sync/mailbox-synchroniser.js';
import { MailboxTurns } from '../../src/sync/mailbox-turns.js';
import { insertAccount } from '../factories/stored-account.js';
import { startDovecot, type Dovecot } from '../servers/dovecot.js';
import { createTestDatabase, type TestDatabase } from '../servers/postgres.js';
import { connectionTo, mail, openKeeper, signal } from './imap-account.js';

const servers: Record<string, string[]> = {
  'every extension': [],
  'no CONDSTORE, LIST-STATUS, UIDPLUS or MOVE': ['QRESYNC', 'CONDSTORE', 'LIST-STATUS', 'UIDPLUS', 'MOVE'],
};

describe.each(Object.entries(servers))('what another client does on a server with %s', (_name, withoutCapabilities) => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let mirror: PostgresMirrorStore;
  let log: ChangeLogRepository;
  let dovecot: Dovecot;
  let keeper: ServerKeeper;
  let synchroniser: MailboxSynchroniser;
  let accountId: AccountId;
  let user = 'user';

  beforeAll(async () => {
    database = await createTestDatabase();
    dataSource = await new DataSource({ type: 'postgres', url: database.url }).initialize();
    mirror = new PostgresMirrorStore(dataSource);
    log = new ChangeLogRepository(dataSource);
    dovecot = await startDovecot({ withoutCapabilities });
  }, 60_000);
  afterAll(async () => {
    await dovecot.stop();
    await dataSource.destroy();
    await database.drop();
  });
  beforeEach(async () => {
    user += 'x';
    await dovecot.addUser(user, 'secret');
    for (const name of ['one', 'two', 'three']) await dovecot.deliver(user, mail(name));
    accountId = await insertAccount(dataSource);
    synchroniser = new MailboxSynchroniser(mirror, new MailboxTurns());
    keeper = openKeeper(connectionTo(dovecot, user));
    await synchroniser.synchroniseList(keeper, accountId, {}, signal());
    for (const { path } of await mirror.mailboxesOf([accountId])) await sync(path);
  });
  afterEach(() => keeper.close());

  const idOf = async (path: string): Promise<MailboxId> =>
    (await mirror.mailboxesOf([accountId])).find((mailbox) => mailbox.path === path)!.id;
  const sync = async (path: string) => synchroniser.synchronise(keeper, await idOf(path), {}, signal());
  const content = async (path: string): Promise<Record<string, MessageId>> => {
    const page = await mirror.listMessages({
      accountIds: [accountId],
      filter: { mailboxIds: [await idOf(path)] },
      order: { field: 'RECEIVED_AT', direction: 'ASC' },
      page: { first: 1000 },
    });
    return Object.fromEntries(page.edges.map(({ node }) => [node.envelope.subject, node.id]));
  };
  const onServer = async (): Promise<number> => (await dovecot.listMessages(user)).length;
  const newest = async () => (await log.extents([accountId]))[0]!.newest;
  const logged = async (after: Awaited<ReturnType<typeof newest>>) =>
    (await log.read(accountId, after, 5000)).map(({ type }) => type);

  it.each([['INBOX'], ['Archive']])(
    'IMAP case 4: a move keeps the id, one entry in the log, %s read first',
    async (first) => {
      const before = await content('INBOX');
      const position = await newest();
      await dovecot.doveadm('move', '-u', user, 'Archive', 'mailbox', 'INBOX', 'subject', 'two');
      await sync(first);
      expect(await content('Archive')).toEqual({ two: before.two });
      await sync('INBOX');
      await sync('Archive');
      expect(await content('INBOX')).toEqual({ one: before.one, three: before.three });
      expect(await logged(position)).toEqual(['MESSAGE_UPDATED']);
      const [message] = await mirror.findMessages([before.two!]);
      expect(
        (await keeper.fetchHeader((await mirror.findMailboxes([message!.mailboxId]))[0]!, message!, signal())).length,
      ).toBeGreaterThan(10);
    },
  );

  it('IMAP case 4: a copy is another message, an expunge one entry', async () => {
    const before = await content('INBOX');
    const position = await newest();
    await dovecot.doveadm('copy', '-u', user, 'Archive', 'mailbox', 'INBOX', 'subject', 'two');
    await sync('Archive');
    expect(Object.values(before)).not.toContain((await content('Archive')).two);
    await dovecot.doveadm('expunge', '-u', user, 'mailbox', 'INBOX', 'subject', 'three');
    await sync('INBOX');
    expect(await content('INBOX')).toEqual({ one: before.one, two: before.two });
    expect(await logged(position)).toEqual(['MESSAGE_ADDED', 'MESSAGE_REMOVED']);
  });

  it('IMAP case 3: two messages at once, and five hundred in a burst, are each announced once', async () => {
    const position = await newest();
    const reading = async () => {
      await sync('INBOX');
      return (await logged(position)).length;
    };
    for (const name of ['first', 'second']) await dovecot.deliver(user, mail(name));
    expect(await reading()).toBe(2);
    const names = Array.from({ length: 500 }, (_, i) => `burst ${i}`);
    const delivered = new AbortController();
    const arriving = (async () => {
      for (const name of names) await dovecot.deliver(user, mail(name));
      delivered.abort();
    })();
    while (!delivered.signal.aborted) await reading();
    await arriving;
    expect(await reading()).toBe(502);
    expect(new Set(await logged(position))).toEqual(new Set(['MESSAGE_ADDED']));
    expect(Object.keys(await content('INBOX'))).toEqual(expect.arrayContaining(names));
    expect(await onServer()).toBe(505);
  }, 30_000);

  it('IMAP case 4: a flag that is set is one entry', async () => {
    const position = await newest();
    await dovecot.doveadm('flags', 'add', '-u', user, '\\Flagged', 'mailbox', 'INBOX', 'subject', 'two');
    await sync('INBOX');
    expect(await logged(position)).toEqual(['MESSAGE_UPDATED']);
    const [message] = await mirror.findMessages([(await content('INBOX')).two!]);
    expect(message!.flags).toMatchObject({ flagged: true, seen: false });
  });

  it('IMAP case 6: UIDs that are given anew keep the ids', async () => {
    const before = await content('INBOX');
    const position = await newest();
    const [inbox] = await mirror.findMailboxes([await idOf('INBOX')]);
    const later = String(inbox!.checkpoint!.uidValidity + 7n);
    await keeper.close();
    await dovecot.doveadm('expunge', '-u', user, 'mailbox', 'INBOX', 'subject', 'one');
    await dovecot.doveadm('mailbox', 'update', '-u', user, '--uid-validity', later, '--min-next-uid', '50', 'INBOX');
    // Dovecot calls a mailbox empty that it has just renumbered, and finds its messages when it is asked again.
    while ((await dovecot.listMessages(user)).length < 2);
    keeper = openKeeper(connectionTo(dovecot, user));
    await sync('INBOX');
    expect(await content('INBOX')).toEqual({ two: before.two, three: before.three });
    expect(await logged(position)).toEqual(['MAILBOX_RESET', 'MESSAGE_REMOVED']);
  });

  it('IMAP case 7: a renamed mailbox and those below it keep their ids, and their messages too', async () => {
    if (withoutCapabilities.includes('LIST-STATUS')) return;
    for (const path of ['Old', 'Old/Below']) {
      await dovecot.doveadm('mailbox', 'create', '-u', user, path);
      await dovecot.doveadm('copy', '-u', user, path, 'mailbox', 'INBOX', 'all');
    }
    const list = () => synchroniser.synchroniseList(keeper, accountId, {}, signal());
    await list();
    for (const path of ['Old', 'Old/Below']) await sync(path);
    const before = [await idOf('Old'), await idOf('Old/Below'), await content('Old/Below')];
    const position = await newest();
    await dovecot.doveadm('mailbox', 'rename', '-u', user, 'Old', 'New');
    await list();
    for (const path of ['New', 'New/Below']) await sync(path);
    expect([await idOf('New'), await idOf('New/Below'), await content('New/Below')]).toEqual(before);
    expect(new Set(await logged(position))).toEqual(new Set(['MAILBOX_UPDATED', 'MAILBOX_RESET']));
    const paths = (await mirror.mailboxesOf([accountId])).map(({ path }) => path);
    expect(paths.filter((path) => path.startsWith('Old'))).toEqual([]);
  });

  it('IMAP case 7: what was moved keeps its id, though where it was is renamed or deleted before anybody looked', async () => {
    const boxes = ['Renamed', 'Deleted'];
    for (const path of boxes) await dovecot.doveadm('mailbox', 'create', '-u', user, path);
    const list = () => synchroniser.synchroniseList(keeper, accountId, {}, signal());
    await list();
    await dovecot.doveadm('move', '-u', user, 'Renamed', 'mailbox', 'INBOX', 'subject', 'one');
    await dovecot.doveadm('move', '-u', user, 'Deleted', 'mailbox', 'INBOX', 'subject', 'two');
    for (const path of ['INBOX', ...boxes]) await sync(path);
    const before = { ...(await content('Renamed')), ...(await content('Deleted')) };
    const position = await newest();
    for (const path of boxes) await dovecot.doveadm('move', '-u', user, 'Archive', 'mailbox', path, 'all');
    await dovecot.doveadm('mailbox', 'rename', '-u', user, 'Renamed', 'New');
    await dovecot.doveadm('mailbox', 'delete', '-u', user, 'Deleted');
    await list();
    await sync('New');
    await sync('Archive');
    expect(await content('Archive')).toEqual(before);
    expect(await content('New')).toEqual({});
    const paths = (await mirror.mailboxesOf([accountId])).map(({ path }) => path);
    expect(boxes.filter((path) => paths.includes(path))).toEqual([]);
    expect((await logged(position)).filter((type) => type.startsWith('MESSAGE'))).toEqual([
      'MESSAGE_UPDATED',
      'MESSAGE_UPDATED',
    ]);
  });

  it('IMAP case 4: a message that was moved away and back keeps its id', async () => {
    const before = await content('INBOX');
    const position = await newest();
    await dovecot.doveadm('move', '-u', user, 'Archive', 'mailbox', 'INBOX', 'subject', 'two');
    await dovecot.doveadm('move', '-u', user, 'INBOX', 'mailbox', 'Archive', 'all');
    await sync('INBOX');
    expect(await content('INBOX')).toEqual(before);
    expect(await logged(position)).toEqual([]);
  });

  it('IMAP case 7: a mailbox that is made anew under the same name is another one', async () => {
    await dovecot.doveadm('mailbox', 'create', '-u', user, 'Box');
    await dovecot.doveadm('copy', '-u', user, 'Box', 'mailbox', 'INBOX', 'subject', 'one');
    await synchroniser.synchroniseList(keeper, accountId, {}, signal());
    await sync('Box');
    await dovecot.doveadm('mailbox', 'delete', '-u', user, 'Box');
    await dovecot.doveadm('mailbox', 'create', '-u', user, 'Box');
    await dovecot.doveadm('copy', '-u', user, 'Box', 'mailbox', 'INBOX', 'subject', 'two');
    await sync('Box');
    expect(Object.keys(await content('Box'))).toEqual(['two']);
  });

  it('IMAP case 7: a mailbox that is deleted is gone, and its messages with it', async () => {
    await dovecot.doveadm('mailbox', 'create', '-u', user, 'Box');
    await dovecot.doveadm('copy', '-u', user, 'Box', 'mailbox', 'INBOX', 'subject', 'one');
    const list = () => synchroniser.synchroniseList(keeper, accountId, {}, signal());
    await list();
    await sync('Box');
    const { one } = await content('Box');
    await dovecot.doveadm('mailbox', 'delete', '-u', user, 'Box');
    await list();
    expect((await mirror.mailboxesOf([accountId])).map(({ path }) => path)).not.toContain('Box');
    expect(await mirror.findMessages([one!])).toEqual([]);
  });

  it('hundreds of messages moved to a mailbox that was made for them keep their ids', async () => {
    const names = Array.from({ length: 300 }, (_, i) => `m${i}`);
    for (const name of names) await dovecot.deliver(user, mail(name));
    await sync('INBOX');
    const before = await content('INBOX');
    const position = await newest();
    await dovecot.doveadm('mailbox', 'create', '-u', user, 'Made for it');
    await dovecot.doveadm('move', '-u', user, 'Made for it', 'mailbox', 'INBOX', 'all');
    await sync('INBOX');
    expect(await content('INBOX')).toEqual({});
    expect(await content('Made for it')).toEqual(before);
    expect(new Set(await logged(position))).toEqual(new Set(['MAILBOX_ADDED', 'MESSAGE_UPDATED']));
  });
});
