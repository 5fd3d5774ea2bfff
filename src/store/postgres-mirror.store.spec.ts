import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DataSource } from 'typeorm';
import { uuidV7 } from '../common/uuid.js';
import {
  changePosition,
  uid,
  uidValidity,
  type AccountId,
  type ContentId,
  type MailboxId,
  type MessageId,
} from '../mailbox/model/ids.js';
import { NO_FLAGS, UNREADABLE, type MessageData } from '../mailbox/model/message.js';
import type { MessageFilter, MessageOrder } from '../mailbox/model/search.js';
import { ChangeLogRepository } from '../events/change-log.repository.js';
import { insertAccount } from '../../test/factories/stored-account.js';
import { createTestDatabase, type TestDatabase } from '../../test/servers/postgres.js';
import { UNREADABLE_ROWS } from './message-rows.js';
import type { NewMessage } from './mirror.port.js';
import { PostgresMirrorStore } from './postgres-mirror.store.js';
import { select } from './sql.js';

const NEWEST: MessageOrder = { field: 'RECEIVED_AT', direction: 'DESC' };

let database: TestDatabase;
let dataSource: DataSource;
let store: PostgresMirrorStore;
let log: ChangeLogRepository;

beforeAll(async () => {
  database = await createTestDatabase();
  dataSource = await new DataSource({ type: 'postgres', url: database.url }).initialize();
  store = new PostgresMirrorStore(dataSource);
  log = new ChangeLogRepository(dataSource);
}, 60_000);

afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
});

const newAccount = (): Promise<AccountId> => insertAccount(dataSource);

const newMailbox = (accountId: AccountId, path = 'INBOX'): Promise<MailboxId> =>
  store.write(accountId, (tx) => tx.insertMailbox({ path, subscribed: true, selectable: true, complete: false }));

const data = (patch: Partial<MessageData> & { subject?: string } = {}): MessageData => ({
  envelope: {
    messageId: 'm@x',
    inReplyTo: [],
    references: ['r@x'],
    subject: patch.subject ?? 'Hello',
    from: [{ name: 'Ann', address: 'ann@example.org' }],
    sender: [],
    replyTo: [],
    to: [{ address: 'bob@example.org' }],
    cc: [],
    bcc: [],
  },
  flags: NO_FLAGS,
  internalDate: new Date('2026-01-02T03:04:05.678Z'),
  sizeBytes: 100,
  root: { partNumber: '1', contentType: 'text/plain', sizeBytes: 10, parts: [] },
  parseWarnings: [],
  ...patch,
});

const remote = (n: number, patch?: Partial<MessageData> & { subject?: string }): NewMessage => ({
  data: data(patch),
  remote: { uidValidity: uidValidity(7), uid: uid(n) },
  initial: false,
});

const positionsOf = async (accountId: AccountId): Promise<string[]> =>
  (await log.read(accountId, changePosition(0), 1000)).map(({ type }) => type);

describe('mirror', () => {
  let accountId: AccountId;
  let inbox: MailboxId;

  beforeEach(async () => {
    accountId = await newAccount();
    inbox = await newMailbox(accountId);
  });

  const insert = (messages: readonly NewMessage[], mailboxId = inbox): Promise<readonly MessageId[]> =>
    store.write(accountId, (tx) => tx.insertMessages(mailboxId, messages));
  const mailbox = async (id = inbox) => (await store.findMailboxes([id]))[0]!;
  const list = async (filter: MessageFilter): Promise<(string | undefined)[]> => {
    const page = await store.listMessages({ accountIds: [accountId], filter, order: NEWEST, page: {} });
    return page.edges.map(({ node }) => node.envelope.subject);
  };

  it('gives back what was put in, U+0000 and lone surrogates replaced', async () => {
    const [id] = await insert([remote(1, { subject: 'a\u0000b\ud800c', preview: 'p' })]);
    const [message] = await store.findMessages([id!]);
    expect(message).toMatchObject({ accountId, mailboxId: inbox, preview: 'p', sizeBytes: 100, hasAttachments: false });
    expect(message!.envelope).toEqual({ ...data().envelope, subject: 'a\ufffdb\ufffdc', sentAt: undefined });
    expect(message!.internalDate).toEqual(new Date('2026-01-02T03:04:05.678Z'));
    expect(message!.remote).toEqual({ uidValidity: 7n, uid: 1 });
  });

  it('inserts more messages than one statement takes, in their order, and none where one cannot be', async () => {
    const some = Array.from({ length: 1_201 }, (_, at) => remote(at + 1));
    const ids = await insert(some);
    const found = await store.findMessages([ids[0]!, ids[500]!, ids[1_200]!]);
    expect(new Map(found.map(({ id, remote: at }) => [id, at?.uid]))).toEqual(
      new Map([
        [ids[0], 1],
        [ids[500], 501],
        [ids[1_200], 1_201],
      ]),
    );
    const twice = [...some.slice(0, 1_200).map((_, at) => remote(at + 2_000)), remote(1)];
    await expect(insert(twice)).rejects.toThrow('message_uid');
    expect(await mailbox()).toMatchObject({ totalMessages: 1_201 });
    expect(await store.uidsOf(accountId, inbox)).toHaveLength(1_201);
  });

  it('keeps counts true through insert, flags, move and removal', async () => {
    const archive = await newMailbox(accountId, 'Archive');
    const ids = await insert([remote(1), remote(2), remote(3)]);
    expect(await mailbox()).toMatchObject({ totalMessages: 3, unseenMessages: 3 });
    await store.write(accountId, (tx) => tx.updateFlags([{ id: ids[0]!, flags: { ...NO_FLAGS, seen: true } }]));
    expect(await mailbox()).toMatchObject({ totalMessages: 3, unseenMessages: 2 });
    const ref = { uidValidity: uidValidity(9), uid: uid(1) };
    await store.write(accountId, (tx) => tx.placeMessages([{ id: ids[1]!, mailboxId: archive, remote: ref }]));
    expect(await mailbox()).toMatchObject({ totalMessages: 2, unseenMessages: 1 });
    expect(await mailbox(archive)).toMatchObject({ totalMessages: 1, unseenMessages: 1 });
    await store.write(accountId, (tx) => tx.removeMessages([ids[0]!, ids[2]!]));
    expect(await mailbox()).toMatchObject({ totalMessages: 0, unseenMessages: 0 });
  });

  it('logs each change once, in order, without gaps, and a flag that is the same not at all', async () => {
    const [id] = await insert([remote(1)]);
    await store.write(accountId, (tx) => tx.updateFlags([{ id: id!, flags: { ...NO_FLAGS, flagged: true } }]));
    await store.write(accountId, (tx) => tx.updateFlags([{ id: id!, flags: { ...NO_FLAGS, flagged: true } }]));
    await store.write(accountId, (tx) => tx.removeMessages([id!]));
    const changes = await log.read(accountId, changePosition(0), 100);
    expect(changes.map(({ type }) => type)).toEqual([
      'MAILBOX_ADDED',
      'MESSAGE_ADDED',
      'MESSAGE_UPDATED',
      'MESSAGE_REMOVED',
    ]);
    expect(changes.map(({ position }) => position)).toEqual([1n, 2n, 3n, 4n]);
    expect((await log.extents([accountId]))[0]).toMatchObject({ newest: 4n, trimmedTo: 0n });
  });

  it('writes nothing, not even to the log, when the work fails', async () => {
    const failing = store.write(accountId, async (tx) => {
      await tx.insertMessages(inbox, [remote(1)]);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await positionsOf(accountId)).toEqual(['MAILBOX_ADDED']);
    expect(await mailbox()).toMatchObject({ totalMessages: 0 });
  });

  it('numbers the changes of writers that work at the same time without gap or repeat', async () => {
    await Promise.all(Array.from({ length: 20 }, (_, i) => insert([remote(i + 1)])));
    const changes = await log.read(accountId, changePosition(0), 100);
    expect(changes.map(({ position }) => Number(position))).toEqual(Array.from({ length: 21 }, (_, i) => i + 1));
  });

  it('refuses a writer whose epoch is over', async () => {
    await select(dataSource, 'UPDATE account SET epoch = 5 WHERE id = $1', [accountId]);
    const write = (epoch: bigint) => store.write(accountId, (tx) => tx.mailboxes(), { epoch });
    await expect(write(4n)).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(write(5n)).resolves.toHaveLength(1);
  });

  it('keeps what was removed for the older entries of the log', async () => {
    const [id] = await insert([remote(1, { subject: 'gone' })]);
    await store.write(accountId, (tx) => tx.removeMailbox(inbox));
    expect(await store.findMessages([id!])).toEqual([]);
    const [message] = await store.findRemovedMessages([id!]);
    expect(message).toMatchObject({ id, envelope: { subject: 'gone' }, internalDate: data().internalDate });
    expect((await store.findRemovedMailboxes([inbox]))[0]).toMatchObject({ id: inbox, path: 'INBOX' });
    expect(await positionsOf(accountId)).toEqual([
      'MAILBOX_ADDED',
      'MESSAGE_ADDED',
      'MESSAGE_REMOVED',
      'MAILBOX_REMOVED',
    ]);
  });

  it('keeps the id that clients hold when a synchronisation found the moved message first', async () => {
    const archive = await newMailbox(accountId, 'Archive');
    const [id] = await insert([remote(1)]);
    const ref = { uidValidity: uidValidity(7), uid: uid(44) };
    await insert([{ ...remote(44), remote: ref }], archive);
    await store.write(accountId, (tx) => tx.placeMessages([{ id: id!, mailboxId: archive, remote: ref }]));
    const page = await store.listMessages({ accountIds: [accountId], filter: {}, order: NEWEST, page: {} });
    expect(page.edges.map(({ node }) => node.id)).toEqual([id]);
    expect(await mailbox(archive)).toMatchObject({ totalMessages: 1 });
  });

  it('stores octets exactly and drops them with the last copy', async () => {
    const octets = Buffer.from(Array.from({ length: 600_000 }, (_, i) => (i * 7) % 256));
    const contentId = uuidV7() as ContentId;
    const ids = await store.write(accountId, async (tx) => {
      const headerFields = [{ name: 'List-Id', value: 'a list' }];
      await tx.insertContents([{ id: contentId, octets, sha256: Buffer.alloc(32), headerFields }]);
      const message = { data: data(), contentId, initial: false };
      return [...(await tx.insertMessages(inbox, [message])), ...(await tx.insertMessages(inbox, [message]))];
    });
    const read = async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of store.readContent(accountId, contentId)) chunks.push(chunk);
      return Buffer.concat(chunks);
    };
    await store.write(accountId, (tx) => tx.removeMessages([ids[0]!]));
    expect((await read()).equals(octets)).toBe(true);
    expect(await list({ header: { name: 'list-ID', contains: 'A LIST' } })).toHaveLength(1);
    await store.write(accountId, (tx) => tx.removeMessages([ids[1]!]));
    expect(await read()).toHaveLength(0);
  });

  it('filters by every condition of the mirror', async () => {
    const day = (n: number): Date => new Date(Date.UTC(2026, 0, n));
    await insert([
      remote(1, { subject: 'Red 100%', internalDate: day(1), flags: { ...NO_FLAGS, seen: true, keywords: ['$Work'] } }),
      remote(2, { subject: 'blue_x', internalDate: day(2), sizeBytes: 5000 }),
    ]);
    const cases: [MessageFilter, string[]][] = [
      [{ subject: 'RED 100%' }, ['Red 100%']],
      [{ subject: 'blue%x' }, []],
      [{ from: 'ANN@' }, ['blue_x', 'Red 100%']],
      [{ participant: 'bob@' }, ['blue_x', 'Red 100%']],
      [{ to: 'ann' }, []],
      [{ seen: true }, ['Red 100%']],
      [{ seen: false }, ['blue_x']],
      [{ hasKeyword: '$work' }, ['Red 100%']],
      [{ notKeyword: '$work' }, ['blue_x']],
      [{ minSizeBytes: 5000 }, ['blue_x']],
      [{ receivedAfter: day(2) }, ['blue_x']],
      [{ receivedBefore: day(2) }, ['Red 100%']],
      [{ sentAfter: day(1) }, []],
      [{ not: { sentAfter: day(1) } }, ['blue_x', 'Red 100%']],
      [{ or: [{ seen: true }, { minSizeBytes: 4000 }] }, ['blue_x', 'Red 100%']],
      [{ and: [{ seen: true }, { minSizeBytes: 4000 }] }, []],
      [{ or: [] }, []],
      [{ and: [] }, ['blue_x', 'Red 100%']],
      [{ mailboxIds: [inbox] }, ['blue_x', 'Red 100%']],
      [{ mailboxIds: [] }, []],
      [{ specialUse: ['SENT'] }, []],
      [{ hasAttachments: true }, []],
      [{ messageId: '<m@x>' }, ['blue_x', 'Red 100%']],
      [{ header: { name: 'x', contains: 'y' }, found: [{ mailboxId: inbox, uids: [uid(2)] }] }, ['blue_x']],
    ];
    for (const [filter, expected] of cases) expect([filter, await list(filter)]).toEqual([filter, expected]);
  });

  it('IMAP case 25: pages forward and backward over equal keys without skipping or repeating, whatever the order', async () => {
    const same = new Date('2026-05-05T00:00:00Z');
    await insert(
      Array.from({ length: 23 }, (_, i) =>
        remote(i + 1, { subject: `s${i % 3}`, sizeBytes: i % 4, internalDate: same }),
      ),
    );
    const orders = ['RECEIVED_AT', 'SENT_AT', 'SIZE', 'SUBJECT', 'FROM'] as const;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...orders),
        fc.constantFrom('ASC', 'DESC'),
        fc.integer({ min: 1, max: 9 }),
        async (field, direction, size) => {
          const order: MessageOrder = { field, direction };
          const query = { accountIds: [accountId], filter: {}, order };
          const whole = (await store.listMessages({ ...query, page: { first: 50 } })).edges.map(({ node }) => node.id);
          const forward: MessageId[] = [];
          for (let after: string | undefined, more = true; more;) {
            const page = await store.listMessages({ ...query, page: { first: size, after } });
            forward.push(...page.edges.map(({ node }) => node.id));
            after = page.edges.at(-1)?.cursor;
            more = page.hasNextPage;
          }
          const backward: MessageId[] = [];
          for (let before: string | undefined, more = true; more;) {
            const page = await store.listMessages({ ...query, page: { last: size, before } });
            backward.unshift(...page.edges.map(({ node }) => node.id));
            before = page.edges[0]?.cursor;
            more = page.hasPreviousPage;
          }
          expect(whole).toHaveLength(23);
          expect(forward).toEqual(whole);
          expect(backward).toEqual(whole);
        },
      ),
      { numRuns: 15 },
    );
  });

  it.each(['nonsense', Buffer.from('["SIZE","DESC","1","x"]').toString('base64url'), ''])(
    'refuses the cursor %j by name',
    async (after) => {
      const query = { accountIds: [accountId], filter: {}, order: NEWEST, page: { first: 1, after } };
      await expect(store.listMessages(query)).rejects.toMatchObject({ code: 'INVALID_INPUT', field: ['after'] });
    },
  );

  it('finds messages that could not be read by an index of their own', async () => {
    await insert([remote(1), remote(2, { parseWarnings: [UNREADABLE] }), remote(3, { parseWarnings: ['odd'] })]);
    expect(await store.unreadableUids(accountId, inbox)).toEqual([2]);
    const named = await store.findUnreadable([accountId, await newAccount()], 100);
    expect(named.map(({ remote: place }) => place?.uid)).toEqual([2]);
    const plan = await dataSource.transaction(async (manager) => {
      await select(manager, 'SET LOCAL enable_seqscan = off');
      return select(manager, `EXPLAIN SELECT uid FROM message WHERE ${UNREADABLE_ROWS}`);
    });
    expect(JSON.stringify(plan)).toContain('message_unreadable');
  });

  it('recognises rows that wait for their UID and gives them back without news', async () => {
    const [id] = await insert([remote(1)]);
    await store.write(accountId, (tx) => tx.resetMailbox(inbox));
    const [ids, waiting] = await store.write(accountId, async (tx) => [
      await tx.findUnplaced(inbox),
      await tx.findUnplacedLike(inbox, [{ internalDate: data().internalDate }, { internalDate: new Date(0) }]),
    ]);
    expect(ids).toEqual([id]);
    expect(waiting).toMatchObject([{ id, mailboxId: inbox, messageId: 'm@x', sizeBytes: 100 }]);
    const ref = { uidValidity: uidValidity(8), uid: uid(3) };
    await store.write(accountId, (tx) => tx.placeMessages([{ id: id!, mailboxId: inbox, remote: ref }]));
    expect(await store.uidsOf(accountId, inbox)).toEqual([3]);
    expect(await store.countUids(accountId, inbox)).toBe(1);
    expect(await positionsOf(accountId)).toEqual(['MAILBOX_ADDED', 'MESSAGE_ADDED', 'MAILBOX_RESET']);
  });

  it('finds what has departed in any mailbox, what waits only in its own, until it is removed', async () => {
    const [departed, waiting] = await insert([remote(1), remote(2)]);
    const archive = await store.write(accountId, (tx) =>
      tx.insertMailbox({ path: 'Archive', subscribed: true, selectable: true, complete: true }),
    );
    await store.write(accountId, async (tx) => {
      await tx.departMessages([departed!]);
      await tx.placeMessages([{ id: waiting!, mailboxId: inbox }]);
    });
    const like = [{ internalDate: data().internalDate }];
    const idsIn = (mailboxId: MailboxId) =>
      store.write(accountId, async (tx) => (await tx.findUnplacedLike(mailboxId, like)).map(({ id }) => id));
    expect(await idsIn(inbox)).toEqual([departed, waiting]);
    expect(await idsIn(archive)).toEqual([departed]);
    expect(await store.findDeparted(accountId)).toEqual([departed]);
    await store.write(accountId, (tx) => tx.removeDeparted([departed!, waiting!]));
    expect(await idsIn(inbox)).toEqual([waiting]);
  });

  it('trims the oldest positions and says from where replay is possible', async () => {
    await insert([remote(1), remote(2)]);
    await select(
      dataSource,
      `UPDATE change SET at = now() - interval '2 days' WHERE account_id = $1 AND position <= 2`,
      [accountId],
    );
    await log.trim(new Date(Date.now() - 86_400_000));
    expect((await log.extents([accountId]))[0]).toMatchObject({ trimmedTo: 2n, newest: 3n });
    expect(await log.read(accountId, changePosition(2), 10)).toHaveLength(1);
  });
});
