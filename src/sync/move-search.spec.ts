import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { DataSource } from 'typeorm';
import { ChangeLogRepository } from '../events/change-log.repository.js';
import type { RemoteMailbox, RemoteMessage, ServerKeeper, SyncBatch } from '../mailbox/keeper.port.js';
import { MailError } from '../mailbox/mailbox.errors.js';
import { uid, uidValidity, type AccountId, type MailboxId, type MessageId } from '../mailbox/model/ids.js';
import type { SyncCheckpoint } from '../mailbox/model/mailbox.js';
import { NO_FLAGS, type MessageData } from '../mailbox/model/message.js';
import { PostgresMirrorStore } from '../store/postgres-mirror.store.js';
import { emptyEnvelope } from '../../test/factories/envelope.js';
import { insertAccount } from '../../test/factories/stored-account.js';
import { createTestDatabase, type TestDatabase } from '../../test/servers/postgres.js';
import { MailboxSynchroniser } from './mailbox-synchroniser.js';
import { MailboxTurns } from './mailbox-turns.js';

/** A message has a name; the same name twice is a copy. Without Message-ID it is in brackets, with an id of the server's own after #. */
const data = (name: string): MessageData => ({
  envelope: { ...emptyEnvelope, messageId: /^[(#]/.test(name) ? undefined : name },
  emailId: name.startsWith('#') ? name : undefined,
  flags: NO_FLAGS,
  internalDate: new Date(Date.UTC(2026, 0, 1)),
  sizeBytes: 100,
  root: { partNumber: '1', contentType: 'text/plain', sizeBytes: 1, parts: [] },
  parseWarnings: [],
});

interface FakeBox {
  readonly validity: bigint;
  readonly messages: Map<number, string>;
  nextUid: number;
}

/** A server that tells everything there is each time, and moves as RFC 6851 says: at once. */
class FakeServer {
  readonly boxes = new Map<string, FakeBox>();
  /** Called once, when a mailbox is read next. */
  meanwhile: (() => void) | undefined;
  /** It lists nothing any more. */
  cut = false;
  /** Names and nothing more. */
  readonly names = new Set<string>();
  /** Not to be read. */
  broken: string | undefined;
  reads = 0;
  lists = 0;
  private made = 0;
  questions = 0;

  put(path: string, ...names: string[]): void {
    const validity = BigInt(this.made + 1);
    const box = this.boxes.get(path) ?? { validity, messages: new Map<number, string>(), nextUid: 1 };
    if (!this.boxes.has(path)) this.made += 1;
    this.boxes.set(path, box);
    for (const name of names) box.messages.set(box.nextUid++, name);
  }

  move(name: string, from: string, to: string): void {
    const [at] = [...this.boxes.get(from)!.messages].find(([, value]) => value === name)!;
    this.boxes.get(from)!.messages.delete(at);
    this.put(to, name);
  }

  rename(path: string, to: string): void {
    this.boxes.set(to, this.boxes.get(path)!);
    this.boxes.delete(path);
  }

  readonly keeper = {
    listMailboxes: async (): Promise<readonly RemoteMailbox[]> => {
      this.lists += 1;
      if (this.cut) throw new MailError('CONNECTION_FAILED', 'cut');
      return [...this.boxes].map(([path, { validity, messages, nextUid }]) => ({
        path,
        subscribed: true,
        selectable: !this.names.has(path),
        ...(path === 'INBOX' && { specialUse: 'INBOX' as const }),
        ...(path === 'Trash' && { specialUse: 'TRASH' as const }),
        status: { messages: messages.size, uidNext: nextUid, uidValidity: validity },
      }));
    },
    findPresent: async (path: string, validity: bigint, uids: readonly number[]) => {
      this.questions += 1;
      const box = this.boxes.get(path);
      if (!box) throw new MailError('NOT_FOUND', 'no such mailbox');
      return box.validity === validity ? uids.filter((one) => box.messages.has(one)) : undefined;
    },
    synchronise: ({ path, checkpoint, known }: Parameters<ServerKeeper['synchronise']>[0]) =>
      this.read(path, checkpoint, known),
  } as unknown as ServerKeeper;

  private async *read(
    path: string,
    before: SyncCheckpoint | undefined,
    known: { uids(): Promise<readonly number[]> },
  ): AsyncGenerator<SyncBatch> {
    const box = this.boxes.get(path);
    if (!box) throw new MailError('NOT_FOUND', 'no such mailbox');
    const all: RemoteMessage[] = [...box.messages].map(([n, name]) => ({ uid: uid(n), data: data(name) }));
    if (path === this.broken) throw new MailError('SERVER_REJECTED', 'no');
    this.reads += 1;
    const validity = uidValidity(box.validity);
    const reset = before !== undefined && before.uidValidity !== validity;
    const nextUid = before && !reset ? before.nextUid : 1;
    const seen = Math.max(nextUid, ...all.map((one) => one.uid + 1));
    const checkpoint = { uidValidity: validity, lowestUid: 1, nextUid: seen };
    const rest = { reset: false, flags: [], checkpoint, messagesTotal: all.length };
    yield { ...rest, reset, messages: all.filter((one) => one.uid >= nextUid), vanished: [] };
    this.meanwhile?.();
    this.meanwhile = undefined;
    const vanished = (await known.uids()).filter((one) => !box.messages.has(one)).map(uid);
    yield { ...rest, messages: [], vanished };
  }
}

describe('a message that another client has moved', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let mirror: PostgresMirrorStore;
  let log: ChangeLogRepository;
  let accountId: AccountId;
  let server: FakeServer;
  let synchroniser: MailboxSynchroniser;
  const signal = new AbortController().signal;

  beforeAll(async () => {
    database = await createTestDatabase();
    dataSource = await new DataSource({ type: 'postgres', url: database.url }).initialize();
    mirror = new PostgresMirrorStore(dataSource);
    log = new ChangeLogRepository(dataSource);
  }, 60_000);
  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
  });
  beforeEach(async () => {
    accountId = await insertAccount(dataSource);
    server = new FakeServer();
    synchroniser = new MailboxSynchroniser(mirror, new MailboxTurns());
    for (const path of ['INBOX', 'Work', 'Trash']) server.put(path);
    server.put('INBOX', 'a', 'b', 'c', '(no id)');
    server.broken = undefined;
    await synchroniser.synchroniseList(server.keeper, accountId, {}, signal);
    for (const path of ['INBOX', 'Work', 'Trash']) await sync(path);
  });

  const idOf = async (path: string): Promise<MailboxId> =>
    (await mirror.mailboxesOf([accountId])).find((mailbox) => mailbox.path === path)!.id;
  const sync = async (path: string, options = {}) =>
    synchroniser.synchronise(server.keeper, await idOf(path), options, signal);
  /** Names with their ids. */
  const content = async (path: string): Promise<Record<string, MessageId>> => {
    const page = await mirror.listMessages({
      accountIds: [accountId],
      filter: { mailboxIds: [await idOf(path)] },
      order: { field: 'RECEIVED_AT', direction: 'ASC' },
      page: { first: 100 },
    });
    return Object.fromEntries(page.edges.map(({ node }) => [node.envelope.messageId ?? '(no id)', node.id]));
  };
  const newest = async () => (await log.extents([accountId]))[0]!.newest;
  const logged = async (after: Awaited<ReturnType<typeof newest>>) =>
    (await log.read(accountId, after, 100)).map((change) =>
      change.type === 'MESSAGE_UPDATED' ? `${change.type} ${change.previousMailboxId ? 'moved' : ''}` : change.type,
    );
  const moved = ['MESSAGE_UPDATED moved'];

  it.each([
    ['gone before it appeared', ['INBOX', 'Work']],
    ['appeared before it was gone', ['Work', 'INBOX']],
  ])('keeps its id, with one entry in the log: %s', async (_, order) => {
    const before = await content('INBOX');
    const position = await newest();
    server.move('a', 'INBOX', 'Work');
    for (const path of order) await sync(path);
    expect(await content('Work')).toEqual({ a: before.a });
    expect(Object.keys(await content('INBOX')).sort()).toEqual(['(no id)', 'b', 'c']);
    expect(await logged(position)).toEqual(moved);
    const counts = (await mirror.mailboxesOf([accountId])).map(({ path, totalMessages }) => [path, totalMessages]);
    expect(Object.fromEntries(counts)).toEqual({ INBOX: 3, Work: 1, Trash: 0 });
  });

  it('keeps its id though it was moved while the mailbox was being read', async () => {
    const before = await content('INBOX');
    const position = await newest();
    server.meanwhile = () => server.move('b', 'INBOX', 'Work');
    await sync('INBOX');
    expect(await content('Work')).toEqual({ b: before.b });
    expect(await logged(position)).toEqual(moved);
  });

  it('keeps its id in a mailbox that was made for it', async () => {
    const before = await content('INBOX');
    server.put('Project');
    server.move('a', 'INBOX', 'Project');
    await sync('INBOX');
    expect(await content('Project')).toEqual({ a: before.a });
    server.put('Other');
    await synchroniser.synchroniseList(server.keeper, accountId, {}, signal);
    server.move('b', 'INBOX', 'Other');
    await sync('Other');
    expect(await content('Other')).toEqual({ b: before.b });
  });

  it('keeps its id when two are exchanged', async () => {
    server.put('Work', 'w');
    await sync('Work');
    const [inbox, work] = [await content('INBOX'), await content('Work')];
    const position = await newest();
    server.move('a', 'INBOX', 'Work');
    server.move('w', 'Work', 'INBOX');
    await sync('Work');
    await sync('INBOX');
    expect((await content('Work')).a).toBe(inbox.a);
    expect((await content('INBOX')).w).toBe(work.w);
    expect(await logged(position)).toEqual([...moved, ...moved]);
  });

  it('keeps its id when it is moved on while it is looked for', async () => {
    const before = await content('INBOX');
    const list = server.keeper.listMailboxes.bind(server.keeper);
    server.keeper.listMailboxes = async (...asked) => {
      const listed = await list(...asked);
      if (server.lists === lists + 1) server.move('a', 'Work', 'Trash');
      return listed;
    };
    const { lists } = server;
    server.move('a', 'INBOX', 'Work');
    await sync('INBOX');
    expect(await content('Trash')).toEqual({ a: before.a });
  });

  it('that was copied is another message, and is asked about once', async () => {
    const before = await content('INBOX');
    server.put('Work', 'a');
    await sync('Work');
    expect((await content('Work')).a).not.toBe(before.a);
    expect(await content('INBOX')).toEqual(before);
    expect(server.questions).toBe(1);
  });

  it('that was deleted is removed before the synchronisation ends, however many others there are', async () => {
    const position = await newest();
    server.boxes.get('INBOX')!.messages.clear();
    await sync('INBOX');
    expect(await content('INBOX')).toEqual({});
    expect(await logged(position)).toEqual(Array.from({ length: 4 }, () => 'MESSAGE_REMOVED'));
    expect(server.lists).toBe(2);
  });

  it('that was deleted is removed at the second look where the only news has gone at once', async () => {
    server.put('Work', 'x');
    server.boxes.get('Work')!.messages.clear();
    server.boxes.get('INBOX')!.messages.delete(1);
    await sync('INBOX');
    expect(Object.keys(await content('INBOX'))).not.toContain('a');
    expect(server.lists).toBe(3);
  });

  it('and one of its copies cannot be told apart: both are new', async () => {
    server.put('Trash', 'a');
    await sync('Trash');
    const old = [(await content('INBOX')).a, (await content('Trash')).a];
    server.move('a', 'INBOX', 'Work');
    server.boxes.get('Trash')!.messages.clear();
    await sync('Work');
    expect(old).not.toContain((await content('Work')).a);
  });

  it('keeps its id when the connection was lost between the two', async () => {
    const before = await content('INBOX');
    server.move('a', 'INBOX', 'Work');
    server.cut = true;
    await expect(sync('INBOX')).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
    server.cut = false;
    await sync('Trash');
    expect(await content('Work')).toEqual({ a: before.a });
  });

  it('is looked for once more though nothing else happens, when the search for it failed, and only then', async () => {
    const before = await content('INBOX');
    const settleRest = (): Promise<void> =>
      synchroniser.settleRest({ keeper: server.keeper, accountId, epoch: undefined, signal });
    server.move('a', 'INBOX', 'Work');
    server.cut = true;
    await expect(sync('INBOX')).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
    await expect(settleRest()).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
    server.cut = false;
    await settleRest();
    expect(await content('Work')).toEqual({ a: before.a });
    const asked = server.lists;
    await mirror.write(accountId, async (tx) => tx.departMessages([before.b!]));
    await settleRest();
    expect(server.lists).toBe(asked);
  });

  it.each(['INBOX', 'Work', 'Trash'])(
    'keeps its id when the process died between the two, whoever is read first: %s',
    async (path) => {
      const before = await content('INBOX');
      server.move('a', 'INBOX', 'Work');
      server.cut = true;
      await expect(sync('INBOX', { epoch: 0n })).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
      server.cut = false;
      synchroniser = new MailboxSynchroniser(mirror, new MailboxTurns());
      await sync(path, { epoch: 0n });
      expect(await content('Work')).toEqual({ a: before.a });
    },
  );

  it('leaves rows alone that wait for a history to be read', async () => {
    const before = await content('INBOX');
    await mirror.write(accountId, async (tx) => {
      await tx.resetMailbox(await idOf('INBOX'));
      const progress = { complete: false, messagesTotal: 4, messagesSynced: 0 };
      await tx.saveProgress(await idOf('INBOX'), progress, { uidValidity: uidValidity(1), lowestUid: 5, nextUid: 5 });
    });
    await sync('Trash', { epoch: 0n });
    expect(await content('INBOX')).toEqual(before);
  });

  it('is removed by the next reading though the server has nothing new to tell', async () => {
    server.move('a', 'INBOX', 'Work');
    server.cut = true;
    await expect(sync('INBOX')).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
    server.cut = false;
    synchroniser = new MailboxSynchroniser(mirror, new MailboxTurns());
    // As with QRESYNC, where the answer is empty.
    server.keeper.synchronise = async function* () {};
    await sync('INBOX');
    expect(Object.keys(await content('INBOX')).sort()).toEqual(['(no id)', 'b', 'c']);
  });

  it('keeps its id when it comes back to where it was', async () => {
    const before = await content('INBOX');
    const position = await newest();
    server.move('a', 'INBOX', 'Work');
    server.move('a', 'Work', 'INBOX');
    await sync('INBOX');
    expect(await content('INBOX')).toEqual(before);
    expect(await logged(position)).toEqual([]);
  });

  it('keeps its id in a mailbox that was made for it while the history of another is being read', async () => {
    const before = await content('INBOX');
    server.put('Other', 'x');
    server.put('Project');
    await synchroniser.synchroniseList(server.keeper, accountId, {}, signal);
    server.move('a', 'INBOX', 'Project');
    await sync('Project');
    expect(await content('Project')).toEqual({ a: before.a });
  });

  it('keeps its id in a mailbox that has got its name just now', async () => {
    server.put('Work', 'w');
    await sync('Work');
    const before = await content('INBOX');
    const position = await newest();
    server.move('a', 'INBOX', 'Work');
    server.rename('Work', 'Play');
    await synchroniser.synchroniseList(server.keeper, accountId, {}, signal);
    await sync('Play');
    expect((await content('Play')).a).toBe(before.a);
    expect((await logged(position)).toSorted()).toEqual(['MAILBOX_RESET', 'MAILBOX_UPDATED', ...moved]);
  });

  it('keeps its id by what the server calls it, without a Message-ID', async () => {
    server.put('INBOX', '#1');
    await sync('INBOX');
    const [row] = await mirror.write(accountId, async (tx) =>
      tx.findByUid(await idOf('INBOX'), uidValidity(1), [uid(5)]),
    );
    server.move('#1', 'INBOX', 'Work');
    await sync('Work');
    expect(Object.values(await content('Work'))).toEqual([row!.id]);
  });

  it.each(['INBOX', 'Work'])(
    'keeps its id though where it was has another name by now, %s read first',
    async (first) => {
      server.put('Work', 'w');
      await sync('Work');
      const before = await content('Work');
      const position = await newest();
      server.move('w', 'Work', 'INBOX');
      server.rename('Work', 'Play');
      await (first === 'INBOX' ? sync(first) : synchroniser.synchroniseList(server.keeper, accountId, {}, signal));
      await sync('Play');
      await sync('INBOX');
      expect((await content('INBOX')).w).toBe(before.w);
      expect(await content('Play')).toEqual({});
      expect((await logged(position)).filter((type) => type.startsWith('MESSAGE'))).toEqual(moved);
    },
  );

  it.each(['INBOX', 'the list'])('keeps its id though where it was is deleted by now, %s read first', async (first) => {
    server.put('Work', 'w', 'x');
    await sync('Work');
    const before = await content('Work');
    server.move('w', 'Work', 'INBOX');
    server.boxes.delete('Work');
    if (first === 'INBOX') await sync(first);
    await synchroniser.synchroniseList(server.keeper, accountId, {}, signal);
    await sync('INBOX');
    expect((await content('INBOX')).w).toBe(before.w);
    expect((await mirror.mailboxesOf([accountId])).map(({ path }) => path).sort()).toEqual(['INBOX', 'Trash']);
    expect(await mirror.findMessages([before.x!])).toEqual([]);
  });

  it('keeps its id when it goes while others are looked for', async () => {
    server.put('Work', 'w');
    await sync('Work');
    const before = await content('INBOX');
    server.boxes.get('Work')!.messages.clear();
    server.put('INBOX', 'n');
    const list = server.keeper.listMailboxes.bind(server.keeper);
    server.keeper.listMailboxes = (...asked) => {
      server.keeper.listMailboxes = list;
      server.meanwhile = () => server.move('a', 'INBOX', 'Work');
      return list(...asked);
    };
    await sync('Work');
    expect(await content('Work')).toEqual({ a: before.a });
  });

  it('keeps its id when there was no time to look at all mailboxes', async () => {
    const before = await content('INBOX');
    const position = await newest();
    const begun = performance.now();
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => begun + server.reads * 6_000);
    try {
      for (const path of ['One', 'Two', 'Three']) server.put(path, path);
      await synchroniser.synchroniseList(server.keeper, accountId, {}, signal);
      server.move('a', 'INBOX', 'Trash');
      await expect(sync('INBOX')).resolves.toBe(false);
      while (!(await sync('INBOX')));
    } finally {
      clock.mockRestore();
    }
    expect(await content('Trash')).toEqual({ a: before.a });
    expect((await logged(position)).filter((type) => type === 'MESSAGE_REMOVED')).toEqual([]);
  });

  it('that was deleted is removed in the end, though there is never time to look at all mailboxes', async () => {
    const begun = performance.now();
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => begun + server.reads * 6_000);
    const list = server.keeper.listMailboxes.bind(server.keeper);
    server.keeper.listMailboxes = (...asked) => {
      for (const path of ['Work', 'Trash']) server.put(path, `${path} ${server.lists}`);
      return list(...asked);
    };
    try {
      server.boxes.get('INBOX')!.messages.delete(1);
      for (let tries = 1; !(await sync('INBOX')); tries += 1) expect(tries).toBeLessThan(20);
    } finally {
      clock.mockRestore();
    }
    expect(Object.keys(await content('INBOX'))).not.toContain('a');
  });

  it('that was deleted is removed though a mailbox with something new cannot be read', async () => {
    server.put('Trash', 'new');
    server.broken = 'Trash';
    server.boxes.get('INBOX')!.messages.delete(1);
    await expect(sync('INBOX')).resolves.toBe(true);
    expect(Object.keys(await content('INBOX'))).not.toContain('a');
  });

  it('keeps its id though another process reads where it is now', async () => {
    const before = await content('INBOX');
    server.move('a', 'INBOX', 'Work');
    server.cut = true;
    await expect(sync('INBOX')).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
    server.cut = false;
    await new MailboxSynchroniser(mirror, new MailboxTurns()).synchronise(
      server.keeper,
      await idOf('Work'),
      {},
      signal,
    );
    expect(await content('Work')).toEqual({ a: before.a });
  });

  it('keeps its id when its mailbox is renumbered before it was missed', async () => {
    const before = await content('INBOX');
    server.move('a', 'INBOX', 'Work');
    const inbox = server.boxes.get('INBOX')!;
    server.boxes.set('INBOX', { ...inbox, validity: 99n });
    await sync('INBOX');
    expect(await content('Work')).toEqual({ a: before.a });
  });

  it('stays where another reading has found it while the server was asked', async () => {
    const before = await content('INBOX');
    const position = await newest();
    const findPresent = server.keeper.findPresent.bind(server.keeper);
    server.move('a', 'INBOX', 'Work');
    server.keeper.findPresent = async (...asked) => {
      server.keeper.findPresent = findPresent;
      const present = await findPresent(...asked);
      await sync('Work');
      return present;
    };
    await sync('Work');
    expect(await content('Work')).toEqual({ a: before.a });
    expect(await mirror.uidsOf(accountId, await idOf('Work'))).toEqual([1]);
    expect(await logged(position)).toEqual(moved);
  });

  it('is not left in a mailbox that is listed as a name any more', async () => {
    server.put('Work', 'w', 'x');
    await sync('Work');
    const before = await content('Work');
    server.move('w', 'Work', 'INBOX');
    server.names.add('Work');
    await synchroniser.synchroniseList(server.keeper, accountId, {}, signal);
    expect(await content('Work')).toEqual({});
    expect((await content('INBOX')).w).toBe(before.w);
    expect(await mirror.findMessages([before.x!])).toEqual([]);
  });

  it('is not left in a mailbox that is only a name any more', async () => {
    const position = await newest();
    const [inbox] = (await mirror.mailboxesOf([accountId])).filter(({ path }) => path === 'INBOX');
    server.boxes.get('INBOX')!.messages.clear();
    server.broken = 'INBOX';
    await synchroniser.clear(server.keeper, inbox!, {}, signal);
    await synchroniser.clear(server.keeper, inbox!, {}, signal);
    expect(await content('INBOX')).toEqual({});
    expect(await logged(position)).toEqual(Array.from({ length: 4 }, () => 'MESSAGE_REMOVED'));
    expect((await mirror.findMailboxes([inbox!.id]))[0]).toMatchObject({ totalMessages: 0, sync: { complete: true } });
  });

  it('from a mailbox that cannot be asked is taken for a copy', async () => {
    const before = await content('INBOX');
    server.move('a', 'INBOX', 'Work');
    server.keeper.findPresent = () => Promise.reject(new MailError('SERVER_REJECTED', 'no'));
    await sync('Work');
    expect((await content('Work')).a).not.toBe(before.a);
  });
});
