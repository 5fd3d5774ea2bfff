import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { ChangeLogRepository } from '../events/change-log.repository.js';
import type { RemoteMailbox, ServerKeeper, SyncBatch, SynchroniseRequest } from '../mailbox/keeper.port.js';
import { changePosition, uid, uidValidity, type AccountId, type MailboxId } from '../mailbox/model/ids.js';
import { NO_FLAGS, type MessageData } from '../mailbox/model/message.js';
import { PostgresMirrorStore } from '../store/postgres-mirror.store.js';
import { select } from '../store/sql.js';
import { emptyEnvelope } from '../../test/factories/envelope.js';
import { insertAccount } from '../../test/factories/stored-account.js';
import { createTestDatabase, type TestDatabase } from '../../test/servers/postgres.js';
import { MailboxSynchroniser } from './mailbox-synchroniser.js';
import { MailboxTurns } from './mailbox-turns.js';

let database: TestDatabase;
let dataSource: DataSource;
let mirror: PostgresMirrorStore;
let log: ChangeLogRepository;
const never = new AbortController().signal;

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

const messageData = (n: number): MessageData => ({
  envelope: { ...emptyEnvelope, messageId: `${n}@x` },
  flags: NO_FLAGS,
  internalDate: new Date(Date.UTC(2026, 0, 1, 0, 0, n)),
  sizeBytes: 100 + n,
  root: { partNumber: '1', contentType: 'text/plain', sizeBytes: 1, parts: [] },
  parseWarnings: [],
});
const remote = (n: number) => ({ uid: uid(n), data: messageData(n) });
const batch = (patch: Partial<SyncBatch> & { lowestUid?: number; validity?: number; nextUid?: number }): SyncBatch => ({
  reset: false,
  messages: [],
  flags: [],
  vanished: [],
  messagesTotal: 4,
  checkpoint: {
    uidValidity: uidValidity(patch.validity ?? 1),
    lowestUid: patch.lowestUid ?? 1,
    nextUid: patch.nextUid ?? 5,
  },
  ...patch,
});

/** A server that says what the test has written for it. */
function scripted(
  batches: readonly SyncBatch[],
  listed: readonly RemoteMailbox[] = [{ path: 'INBOX', subscribed: true, selectable: true }],
) {
  const requests: SynchroniseRequest[] = [];
  const keeper: Pick<ServerKeeper, 'synchronise' | 'listMailboxes'> = {
    listMailboxes: async () => listed,
    async *synchronise(request) {
      requests.push(request);
      yield* batches;
    },
  };
  return { keeper: keeper as ServerKeeper, requests };
}

describe('MailboxSynchroniser', () => {
  let accountId: AccountId;
  let inbox: MailboxId;
  let synchroniser: MailboxSynchroniser;

  beforeEach(async () => {
    synchroniser = new MailboxSynchroniser(mirror, new MailboxTurns());
    accountId = await insertAccount(dataSource);
    inbox = await mirror.write(accountId, (tx) =>
      tx.insertMailbox({ path: 'INBOX', subscribed: true, selectable: true, complete: false }),
    );
  });

  const run = (batches: readonly SyncBatch[], options = {}) =>
    synchroniser.synchronise(scripted(batches).keeper, inbox, options, never);
  const uids = () => mirror.uidsOf(accountId, inbox);
  const types = async (after: number) =>
    (await log.read(accountId, changePosition(after), 100)).map((change) =>
      change.type === 'MESSAGE_ADDED' ? `${change.type}${change.initial ? ' (initial)' : ''}` : change.type,
    );
  const mailbox = async () => (await mirror.findMailboxes([inbox]))[0]!;

  it('reads history newest first, then only news is news', async () => {
    await run([batch({ messages: [remote(4), remote(3)], lowestUid: 3 }), batch({ messages: [remote(2), remote(1)] })]);
    expect(await uids()).toEqual([1, 2, 3, 4]);
    expect((await mailbox()).sync).toMatchObject({ complete: true, messagesTotal: 4, messagesSynced: 4 });
    await run([batch({ messages: [remote(5)], nextUid: 6 })]);
    expect(await types(1)).toEqual([...Array.from({ length: 4 }, () => 'MESSAGE_ADDED (initial)'), 'MESSAGE_ADDED']);
  });

  it('goes on where it was interrupted', async () => {
    const first = [batch({ messages: [remote(4)], lowestUid: 4 }), batch({ messages: [remote(3)], lowestUid: 3 })];
    await expect(run(first, { interrupt: () => true })).resolves.toBe(false);
    expect((await mailbox()).sync).toMatchObject({ complete: false, messagesSynced: 1 });
    const { keeper, requests } = scripted([batch({ messages: [remote(3), remote(2), remote(1)] })]);
    await expect(synchroniser.synchronise(keeper, inbox, {}, never)).resolves.toBe(true);
    expect(requests[0]!.checkpoint).toMatchObject({ lowestUid: 4, nextUid: 5 });
    expect(await uids()).toEqual([1, 2, 3, 4]);
  });

  it('does nothing twice when the same batch comes again after a crash', async () => {
    const whole = [batch({ messages: [1, 2, 3, 4].map(remote) })];
    await run(whole);
    const position = (await log.extents([accountId]))[0]!.newest;
    await run(whole);
    expect((await log.extents([accountId]))[0]!.newest).toBe(position);
    expect(await mailbox()).toMatchObject({ totalMessages: 4, unseenMessages: 4 });
  });

  it('IMAP case 4: follows flags and expunges of other clients, one log entry each', async () => {
    await run([batch({ messages: [1, 2, 3, 4].map(remote) })]);
    const { newest } = (await log.extents([accountId]))[0]!;
    const flags = [1, 2, 3].map((n) => ({ uid: uid(n), flags: { ...NO_FLAGS, seen: n === 2 } }));
    await run([batch({ flags, vanished: [uid(4)], messagesTotal: 3 })]);
    expect(await types(Number(newest))).toEqual(['MESSAGE_UPDATED', 'MESSAGE_REMOVED']);
    expect(await mailbox()).toMatchObject({ totalMessages: 3, unseenMessages: 2 });
  });

  it('IMAP case 6: keeps ids when the server renumbers the mailbox, and drops what is not there any more', async () => {
    await run([batch({ messages: [1, 2, 3, 4].map(remote) })]);
    const before = new Map(
      (await mirror.write(accountId, (tx) => tx.findByUid(inbox, uidValidity(1), [uid(2), uid(3)]))).map((r) => [
        r.messageId,
        r.id,
      ]),
    );
    const renumbered = [11, 12].map((n, i) => ({ uid: uid(n), data: messageData(i + 2) }));
    await run([batch({ reset: true, validity: 2, messages: renumbered, messagesTotal: 2, nextUid: 13 })]);
    const after = await mirror.write(accountId, (tx) => tx.findByUid(inbox, uidValidity(2), [uid(11), uid(12)]));
    expect(new Map(after.map((r) => [r.messageId, r.id]))).toEqual(before);
    expect(await uids()).toEqual([11, 12]);
    expect(await mailbox()).toMatchObject({ totalMessages: 2 });
  });

  describe('when two readings find the mailbox renumbered', () => {
    const again = (n: number) => ({ uid: uid(n + 10), data: messageData(n) });
    const newest = batch({ reset: true, validity: 2, messages: [again(4), again(3)], lowestUid: 13, nextUid: 15 });
    const history = batch({ validity: 2, messages: [again(2), again(1)], nextUid: 15 });
    const ids = async (): Promise<unknown> =>
      select(dataSource, 'SELECT id FROM message WHERE account_id = $1 ORDER BY received_at', [accountId]);

    it('loses nothing where the one that asked first answers last', async () => {
      await run([batch({ messages: [1, 2, 3, 4].map(remote) })]);
      const before = await ids();
      const { newest: position } = (await log.extents([accountId]))[0]!;
      let answer: () => void = () => undefined;
      const answered = new Promise<void>((resolve) => (answer = resolve));
      const slow = {
        async *synchronise() {
          await answered;
          yield newest;
        },
      } as unknown as ServerKeeper;
      const slowReading = new MailboxSynchroniser(mirror, new MailboxTurns()).synchronise(
        slow,
        inbox,
        {
          interrupt: () => true,
        },
        never,
      );
      const fast = {
        async *synchronise() {
          yield newest;
          yield history;
          answer();
          await slowReading;
        },
      } as unknown as ServerKeeper;
      await synchroniser.synchronise(fast, inbox, {}, never);
      expect(await ids()).toEqual(before);
      expect(await uids()).toEqual([11, 12, 13, 14]);
      expect(await types(Number(position))).toEqual(['MAILBOX_RESET']);
    });

    it('writes nothing of what was read before the mailbox was renumbered', async () => {
      await run([batch({ messages: [1, 2].map(remote) })]);
      const before = await ids();
      const old = {
        async *synchronise({ checkpoint }: SynchroniseRequest) {
          if (checkpoint?.uidValidity === 2n) return;
          yield batch({ messages: [remote(2)] });
          const renumbered = [batch({ reset: true, validity: 2, messages: [again(1), again(2)], nextUid: 13 })];
          await new MailboxSynchroniser(mirror, new MailboxTurns()).synchronise(
            scripted(renumbered).keeper,
            inbox,
            {},
            never,
          );
          yield batch({ messages: [remote(2), remote(1)] });
        },
      } as unknown as ServerKeeper;
      await expect(synchroniser.synchronise(old, inbox, {}, never)).resolves.toBe(true);
      expect(await ids()).toEqual(before);
      expect(await uids()).toEqual([11, 12]);
      expect((await mailbox()).checkpoint).toMatchObject({ uidValidity: 2n, nextUid: 13 });
    });
  });

  it('does not keep a message at the UID of another mailbox that had this name for a while', async () => {
    await run([batch({ messages: [1, 2].map(remote) })]);
    await mirror.write(accountId, async (tx) => {
      const [row] = await tx.findByUid(inbox, uidValidity(1), [uid(2)]);
      await tx.placeMessages([{ id: row!.id, mailboxId: inbox, remote: { uidValidity: uidValidity(9), uid: uid(7) } }]);
    });
    await run([]);
    expect(await uids()).toEqual([1]);
    expect(await mailbox()).toMatchObject({ totalMessages: 1 });
  });

  it('recognises a message that was moved here without the server telling its UID', async () => {
    const archive = await mirror.write(accountId, (tx) =>
      tx.insertMailbox({ path: 'Archive', subscribed: true, selectable: true, complete: false }),
    );
    await run([batch({ messages: [remote(1)] })]);
    const [row] = await mirror.write(accountId, (tx) => tx.findByUid(inbox, uidValidity(1), [uid(1)]));
    await mirror.write(accountId, (tx) => tx.placeMessages([{ id: row!.id, mailboxId: archive }]));
    const arrived = { uid: uid(77), data: messageData(1) };
    await synchroniser.synchronise(scripted([batch({ messages: [arrived], nextUid: 78 })]).keeper, archive, {}, never);
    const [placed] = await mirror.write(accountId, (tx) => tx.findByUid(archive, uidValidity(1), [uid(77)]));
    expect(placed!.id).toBe(row!.id);
  });

  it('does not lose a message that is moved here while an older reading is still under way', async () => {
    await run([batch({ messages: [remote(1)] })]);
    const other = await mirror.write(accountId, async (tx) => {
      const id = await tx.insertMailbox({ path: 'Other', subscribed: true, selectable: true, complete: true });
      await tx.insertMessages(id, [
        { data: messageData(9), remote: { uidValidity: uidValidity(1), uid: uid(9) }, initial: true },
      ]);
      return id;
    });
    const [moving] = await mirror.write(accountId, (tx) => tx.findByUid(other, uidValidity(1), [uid(9)]));
    const keeper = {
      async *synchronise() {
        yield batch({ flags: [{ uid: uid(1), flags: NO_FLAGS }] });
        await mirror.write(accountId, (tx) => tx.placeMessages([{ id: moving!.id, mailboxId: inbox }]));
      },
    } as unknown as ServerKeeper;
    await synchroniser.synchronise(keeper, inbox, {}, never);
    expect(await mirror.findMessages([moving!.id])).toHaveLength(1);
  });

  it('writes nothing when the lease has gone to another instance', async () => {
    await select(dataSource, 'UPDATE account SET epoch = 2 WHERE id = $1', [accountId]);
    await expect(run([batch({ messages: [remote(1)] })], { epoch: 1n })).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await uids()).toEqual([]);
  });

  it('makes the list of mailboxes the server’s, parents first, and leaves alone what is the same', async () => {
    const box = (path: string, patch: Partial<RemoteMailbox> = {}): RemoteMailbox => ({
      path,
      delimiter: '/',
      subscribed: true,
      selectable: true,
      ...patch,
    });
    const list = (listed: readonly RemoteMailbox[]) =>
      synchroniser.synchroniseList(scripted([], listed).keeper, accountId, {}, never);
    const all = [box('a/b'), box('INBOX', { specialUse: 'INBOX' }), box('a', { selectable: false })];
    await list(all);
    const { newest } = (await log.extents([accountId]))[0]!;
    await list(all);
    expect(await types(Number(newest))).toEqual([]);
    const mailboxes = await mirror.mailboxesOf([accountId]);
    const parent = mailboxes.find(({ path }) => path === 'a');
    expect(mailboxes.find(({ path }) => path === 'a/b')).toMatchObject({ parentId: parent!.id });
    await list([box('INBOX', { specialUse: 'INBOX' })]);
    expect(await types(Number(newest))).toEqual(['MAILBOX_REMOVED', 'MAILBOX_REMOVED']);
    expect(await mailbox()).toMatchObject({ id: inbox, specialUse: 'INBOX' });
  });
});
