import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { emptyEnvelope } from '../../test/factories/envelope.js';
import { insertAccount } from '../../test/factories/stored-account.js';
import { limits } from '../../test/fakes/mail-services.js';
import { createTestDatabase, type TestDatabase } from '../../test/servers/postgres.js';
import type { Principal } from '../auth/principal.js';
import { uuidV7 } from '../common/uuid.js';
import type { Config } from '../config/config.js';
import { PostgresMirrorStore } from '../store/postgres-mirror.store.js';
import type { Keeper, Outcome } from './keeper.port.js';
import type { KeeperProvider } from './keeper-provider.port.js';
import type { MailboxLocks } from './mailbox-locks.port.js';
import { MessageService } from './message.service.js';
import {
  modSeq,
  uid,
  uidValidity,
  type AccountId,
  type ApiKeyId,
  type MailboxId,
  type MessageId,
} from './model/ids.js';
import type { Mailbox } from './model/mailbox.js';
import { NO_FLAGS, type Message, type RemoteRef } from './model/message.js';

const ctx: Principal = { kind: 'API_KEY', keyId: uuidV7() as ApiKeyId, scopes: ['MODIFY'] };
const ofTarget = uidValidity(7);

let database: TestDatabase;
let dataSource: DataSource;
let mirror: PostgresMirrorStore;
beforeAll(async () => {
  database = await createTestDatabase();
  dataSource = await new DataSource({ type: 'postgres', url: database.url }).initialize();
  mirror = new PostgresMirrorStore(dataSource);
}, 60_000);
afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
});

let accountId: AccountId;
let target: MailboxId;
let message: MessageId;
/** Names that the mail server was told, and mailboxes that were read. */
let told: string[];
let read: MailboxId[];

beforeEach(async () => {
  [told, read] = [[], []];
  accountId = await insertAccount(dataSource);
  const source = await insertMailbox('INBOX');
  target = await insertMailbox('Old name');
  await mirror.write(accountId, async (tx) => {
    const checkpoint = { uidValidity: ofTarget, lowestUid: 1, nextUid: 1, highestModSeq: modSeq(1) };
    await tx.saveProgress(target, { complete: true, messagesTotal: 0, messagesSynced: 0 }, checkpoint);
    const data = {
      envelope: emptyEnvelope,
      flags: NO_FLAGS,
      internalDate: new Date(0),
      sizeBytes: 1,
      parseWarnings: [],
    };
    const place = { uidValidity: uidValidity(3), uid: uid(5) };
    [message] = (await tx.insertMessages(source, [{ data, remote: place, initial: false }])) as [MessageId];
  });
});

const insertMailbox = (path: string): Promise<MailboxId> =>
  mirror.write(accountId, (tx) => tx.insertMailbox({ path, subscribed: true, selectable: true, complete: true }));

/** @param place what the server says of where the message is afterwards */
function serviceOn(place: RemoteRef, locks: MailboxLocks): MessageService {
  const put = async (_: Mailbox, messages: readonly Message[], to: Mailbox): Promise<Outcome<RemoteRef>[]> => {
    told.push(to.path);
    return messages.map(({ id }) => ({ messageId: id, ok: true, value: place }));
  };
  const keeper = { storage: 'SERVER', capabilities: { server: ['UIDPLUS'] }, move: put, copy: put };
  const keepers: Pick<KeeperProvider, 'keeperOf' | 'refreshMailbox'> = {
    keeperOf: async () => keeper as unknown as Keeper,
    refreshMailbox: async (id) => void read.push(id),
  };
  return new MessageService(mirror, keepers as KeeperProvider, locks, { limits } as Config);
}

const free: MailboxLocks = { lock: (_ids, work) => work() };
/** While one waits for the lock, somebody renames the target and is done. */
const renamedMeanwhile: MailboxLocks = {
  lock: async (_ids, work) => {
    await mirror.write(accountId, (tx) => tx.updateMailbox(target, { path: 'New name' }));
    return work();
  },
};

describe('MessageService', () => {
  it.each(['moveMessages', 'copyMessages'] as const)('%s names the target as it is called now', async (command) => {
    const service = serviceOn({ uidValidity: ofTarget, uid: uid(1) }, renamedMeanwhile);
    expect(await service[command](ctx, [message], target)).toMatchObject({ failures: [] });
    expect(told).toEqual(['New name']);
  });

  it.each(['moveMessages', 'copyMessages'] as const)('%s fails where the target is gone by now', async (command) => {
    const service = serviceOn(
      { uidValidity: ofTarget, uid: uid(1) },
      {
        lock: async (_ids, work) => {
          await mirror.write(accountId, (tx) => tx.removeMailbox(target));
          return work();
        },
      },
    );
    const { messages, failures } = await service[command](ctx, [message], target);
    expect({ messages, told }).toEqual({ messages: [], told: [] });
    expect(failures).toMatchObject([{ id: message, error: { code: 'NOT_FOUND' } }]);
  });

  it('places a moved message where the server says, if that is in the mailbox that was meant', async () => {
    const place = { uidValidity: ofTarget, uid: uid(9) };
    const { messages } = await serviceOn(place, free).moveMessages(ctx, [message], target);
    expect(messages).toMatchObject([{ id: message, mailboxId: target, remote: place }]);
    expect(read).toEqual([]);
  });

  it('leaves to a reading where a moved message is whose place is in another mailbox of that name', async () => {
    const { messages } = await serviceOn({ uidValidity: uidValidity(8), uid: uid(9) }, free).moveMessages(
      ctx,
      [message],
      target,
    );
    expect(messages).toMatchObject([{ id: message, mailboxId: target, remote: undefined }]);
    expect(read).toEqual([target]);
  });
});
