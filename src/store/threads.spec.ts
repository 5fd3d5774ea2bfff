import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { emptyEnvelope } from '../../test/factories/envelope.js';
import fc from 'fast-check';
import { DataSource } from 'typeorm';
import { insertAccount } from '../../test/factories/stored-account.js';
import { createTestDatabase, type TestDatabase } from '../../test/servers/postgres.js';
import {
  uid,
  uidValidity,
  type AccountId,
  type MailboxId,
  type MessageId,
  type ThreadId,
} from '../mailbox/model/ids.js';
import { NO_FLAGS, type Envelope, type MessageData } from '../mailbox/model/message.js';
import type { MessageFilter, PageRequest } from '../mailbox/model/search.js';
import type { SpecialUse } from '../mailbox/model/mailbox.js';
import { loadMigrations } from './migrations/load-migrations.js';
import { runMigrations } from './migrations/run-migrations.js';
import { PostgresMirrorStore } from './postgres-mirror.store.js';
import { select } from './sql.js';

const minute = 60_000;
const start = Date.parse('2026-01-01T00:00:00Z');

let database: TestDatabase;
let dataSource: DataSource;
let store: PostgresMirrorStore;
let accountId: AccountId;
let inbox: MailboxId;
let made = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  dataSource = await new DataSource({
    type: 'postgres',
    url: database.url,
    migrations: loadMigrations(),
  }).initialize();
  store = new PostgresMirrorStore(dataSource);
}, 60_000);

afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
});

beforeEach(async () => {
  accountId = await insertAccount(dataSource);
  inbox = await newMailbox('INBOX');
});

const newMailbox = (path: string, specialUse?: SpecialUse): Promise<MailboxId> =>
  store.write(accountId, (tx) =>
    tx.insertMailbox({ path, specialUse, subscribed: true, selectable: true, complete: false }),
  );

type Patch = Partial<Envelope> & Partial<Pick<MessageData, 'emailId' | 'serverThreadId'>> & { seen?: boolean };

/** Received at that minute. */
const data = (at: number, { emailId, serverThreadId, seen = false, ...envelope }: Patch = {}): MessageData => ({
  envelope: { ...emptyEnvelope, ...envelope },
  flags: { ...NO_FLAGS, seen },
  internalDate: new Date(start + at * minute),
  sizeBytes: 100,
  parseWarnings: [],
  emailId,
  serverThreadId,
});

async function insert(messages: readonly MessageData[], mailboxId = inbox): Promise<readonly MessageId[]> {
  const rows = messages.map((one) => ({
    data: one,
    remote: { uidValidity: uidValidity(1), uid: uid((made += 1)) },
    initial: true,
  }));
  return store.write(accountId, (tx) => tx.insertMessages(mailboxId, rows));
}

const threadsOf = async (ids: readonly MessageId[]): Promise<ThreadId[]> => {
  const found = new Map((await store.findMessages(ids)).map(({ id, threadId }) => [id, threadId]));
  return ids.map((id) => found.get(id)!);
};

const list = (filter: MessageFilter = {}, page: PageRequest = {}) => store.listThreads({ accountId, filter, page });
const subjects = async (filter?: MessageFilter): Promise<(string | undefined)[]> =>
  (await list(filter)).edges.map(({ node }) => node.subject);

describe('the thread of a message', () => {
  it('is that of the root of its references, in whatever order messages come', async () => {
    const root = data(0, { messageId: 'root@x' });
    const reply = data(1, { messageId: 'reply@x', inReplyTo: ['root@x'], references: ['root@x'] });
    const later = data(2, { messageId: 'later@x', inReplyTo: ['reply@x'], references: ['root@x', 'reply@x'] });
    const bare = data(3, { messageId: 'bare@x', inReplyTo: ['root@x'] });
    const other = data(4, { messageId: 'other@x' });
    const [first, ...rest] = await threadsOf(await insert([later, bare, reply, root, other]));
    expect(rest).toEqual([first, first, first, expect.not.stringMatching(first!)]);
  });

  it('is that of the server where it has one', async () => {
    const a = data(0, { messageId: 'a@x', serverThreadId: '17' });
    const b = data(1, { messageId: 'b@x', serverThreadId: '17' });
    const c = data(2, { messageId: 'c@x', references: ['a@x'], serverThreadId: '18' });
    const [ofA, ofB, ofC] = await threadsOf(await insert([a, b, c]));
    expect(ofB).toBe(ofA);
    expect(ofC).not.toBe(ofA);
  });

  it('is its own where nothing tells it', async () => {
    const [a, b] = await threadsOf(await insert([data(0), data(0)]));
    expect(a).not.toBe(b);
  });

  it('is another in another account', async () => {
    const [here] = await threadsOf(await insert([data(0, { messageId: 'same@x' })]));
    accountId = await insertAccount(dataSource);
    const [there] = await threadsOf(await insert([data(0, { messageId: 'same@x' })], await newMailbox('INBOX')));
    expect(there).not.toBe(here);
  });

  it('is the same by the migration, which gives old messages theirs', async () => {
    const id = fc.string({ minLength: 1, maxLength: 20, unit: 'binary' });
    const patches = fc.sample(
      fc.record({ messageId: fc.option(id, { nil: undefined }), references: fc.array(id), inReplyTo: fc.array(id) }),
      200,
    );
    const ids = await insert(patches.map((patch) => data(0, patch)));
    const before = await threadsOf(ids);
    while (
      (await select(dataSource, `SELECT FROM pg_attribute WHERE attname = 'thread_id' AND NOT attisdropped`)).length
    ) {
      await dataSource.undoLastMigration();
    }
    await runMigrations(dataSource);
    expect(await threadsOf(ids)).toEqual(before);
  });
});

describe('threads', () => {
  it('sums up its messages, a message in several mailboxes once', async () => {
    const archive = await newMailbox('Archive');
    const ann = { name: 'Ann', address: 'ann@x' };
    const bob = { name: 'Bob', address: 'bob@x' };
    const reply = data(1, { messageId: 'b@x', references: ['a@x'], subject: 'Re: Plan', from: [bob, ann], seen: true });
    const [first] = await insert([data(0, { messageId: 'a@x', subject: 'Plan', from: [ann] }), reply]);
    await insert(
      [
        reply,
        data(2, {
          messageId: 'c@x',
          references: ['a@x'],
          subject: 'Re: Plan',
          from: [{ address: 'ANN@x' }, { name: 'Nobody' }],
        }),
      ],
      archive,
    );
    const [threadId] = await threadsOf([first!]);
    await expect(store.findThreads([threadId!])).resolves.toEqual([
      {
        id: threadId,
        accountId,
        subject: 'Plan',
        participants: [ann, bob, { name: 'Nobody' }],
        messageCount: 3,
        unseenCount: 2,
        lastMessageAt: new Date(start + 2 * minute),
      },
    ]);
  });

  it('shows of a message in several mailboxes one copy, rather not one in a view of others', async () => {
    const all = await newMailbox('All Mail', 'ALL');
    const both = data(1, { messageId: 'a@x', emailId: '1' });
    await insert([both], all);
    const [shown] = await insert([both]);
    const [alone] = await insert([data(2, { references: ['a@x'], messageId: 'b@x', emailId: '2' })], all);
    const [threadId] = await threadsOf([shown!]);
    const page = await store.listMessages({
      accountIds: [accountId],
      filter: { threadId, eachOnce: true },
      order: { field: 'RECEIVED_AT', direction: 'ASC' },
      page: {},
    });
    expect(page.edges.map(({ node }) => node.id)).toEqual([shown, alone]);
    await expect(store.countMessages([accountId], { threadId })).resolves.toBe(3);
  });

  it('are listed by their newest message, page by page, while more mail comes', async () => {
    const threads = Array.from({ length: 12 }, (_, n) => [
      data(n, { messageId: `${n}@x`, subject: `thread ${n}` }),
      data(100 - n, { messageId: `${n}-reply@x`, references: [`${n}@x`], subject: `thread ${n}` }),
    ]);
    await insert(threads.flat());
    const expected = threads.map((_, n) => `thread ${n}`);
    await expect(subjects()).resolves.toEqual(expected);
    const seen: (string | undefined)[] = [];
    let after: string | undefined;
    for (;;) {
      const page = await list({}, { first: 5, after });
      seen.push(...page.edges.map(({ node }) => node.subject));
      expect(page.hasPreviousPage).toBe(after !== undefined);
      if (!page.hasNextPage) break;
      after = page.edges.at(-1)!.cursor;
      await insert([data(200 + seen.length, { messageId: `new-${seen.length}@x`, subject: 'new' })]);
    }
    expect(seen).toEqual(expected);
  });

  it('of which a message matches, with all that belongs to them', async () => {
    await insert([
      data(0, { messageId: 'a@x', subject: 'alpha', seen: true }),
      data(1, { messageId: 'b@x', references: ['a@x'], subject: 'Re: alpha' }),
      data(2, { messageId: 'c@x', subject: 'beta', seen: true }),
    ]);
    const { edges } = await list({ seen: false });
    expect(edges.map(({ node }) => [node.subject, node.messageCount])).toEqual([['alpha', 2]]);
    await expect(subjects({ messageId: 'c@x' })).resolves.toEqual(['beta']);
    await expect(subjects({ seen: false, subject: 'beta' })).resolves.toEqual([]);
  });

  it('are of one account', async () => {
    await insert([data(0, { messageId: 'a@x', subject: 'mine' })]);
    accountId = await insertAccount(dataSource);
    await expect(subjects()).resolves.toEqual([]);
  });
});
