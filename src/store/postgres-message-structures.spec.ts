import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { insertAccount } from '../../test/factories/stored-account.js';
import { createTestDatabase, type TestDatabase } from '../../test/servers/postgres.js';
import { uuidV7 } from '../common/uuid.js';
import type { AccountId, ContentId, MailboxId, MessageId } from '../mailbox/model/ids.js';
import type { Message } from '../mailbox/model/message.js';
import { describeHeader } from '../mime/describe-message.js';
import { PostgresMessageStructures } from './postgres-message-structures.js';
import { PostgresMirrorStore } from './postgres-mirror.store.js';

const octets = Buffer.from(
  'Subject: Two\r\nContent-Type: multipart/related; boundary=b\r\n\r\n' +
    '--b\r\n\r\nHello\r\n--b\r\nContent-Type: application/pdf\r\n' +
    'Content-Disposition: attachment; filename=a.pdf\r\n\r\nAAAA\r\n',
);

let database: TestDatabase;
let dataSource: DataSource;
let mirror: PostgresMirrorStore;
let structures: PostgresMessageStructures;
let accountId: AccountId;
let inbox: MailboxId;

beforeAll(async () => {
  database = await createTestDatabase();
  dataSource = await new DataSource({ type: 'postgres', url: database.url }).initialize();
  mirror = new PostgresMirrorStore(dataSource);
  structures = new PostgresMessageStructures(dataSource);
  accountId = await insertAccount(dataSource, 'POP3');
  inbox = await mirror.write(accountId, (tx) =>
    tx.insertMailbox({ path: 'INBOX', subscribed: true, selectable: true, complete: false }),
  );
}, 60_000);

afterAll(async () => {
  await structures.onModuleDestroy();
  await dataSource.destroy();
  await database.drop();
});

/** Two messages that share their octets, stored by their header. */
async function store(): Promise<readonly MessageId[]> {
  const contentId = uuidV7() as ContentId;
  const { data, headerFields } = describeHeader(octets, octets.length, new Date());
  const message = { data, contentId, initial: false };
  return mirror.write(accountId, async (tx) => {
    await tx.insertContents([{ id: contentId, octets, sha256: Buffer.alloc(32), headerFields }]);
    return tx.insertMessages(inbox, [message, message]);
  });
}

const find = async (ids: readonly MessageId[]): Promise<Message[]> => {
  const found = await mirror.findMessages(ids);
  return ids.map((id) => found.find((message) => message.id === id)!);
};

const asRead = {
  envelope: { subject: 'Two' },
  preview: 'Hello',
  hasAttachments: true,
  parseWarnings: [expect.stringContaining('closing delimiter')],
  root: { contentType: 'multipart/related', parts: [{ contentType: 'text/plain' }, { filename: 'a.pdf' }] },
};

describe('PostgresMessageStructures', () => {
  it('reads a message when it is asked for, and keeps what was read, for its copies too', async () => {
    const ids = await store();
    const [one, two] = await find(ids);
    expect(one).toMatchObject({ root: undefined, preview: undefined, hasAttachments: false });
    expect(await structures.complete([one!, two!, one!])).toMatchObject([asRead, asRead, asRead]);
    expect(await find(ids)).toMatchObject([asRead, asRead]);
  });

  it('reads what waits in the background', async () => {
    const ids = [...(await store()), ...(await store())];
    structures.readSoon(accountId);
    const deadlineMs = Date.now() + 10_000;
    while ((await find(ids)).some(({ root }) => !root) && Date.now() < deadlineMs) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await find(ids)).toMatchObject([asRead, asRead, asRead, asRead]);
  });

  it('gives what is known of a message whose octets are gone', async () => {
    const ids = await store();
    const [one] = await find(ids);
    await mirror.write(accountId, (tx) => tx.removeMessages(ids));
    expect(await structures.complete([one!])).toMatchObject([{ envelope: { subject: 'Two' }, preview: '' }]);
    expect(await structures.complete([{ ...one!, contentId: undefined }])).toMatchObject([
      { root: { contentType: 'application/octet-stream' } },
    ]);
  });
});
