import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { DataSource } from 'typeorm';
import type { Pop3Account, Pop3Policy } from '../../src/accounts/account.js';
import { ChangeLogRepository } from '../../src/events/change-log.repository.js';
import type { GatewayKeeper } from '../../src/mailbox/keeper.port.js';
import type { PollResult } from '../../src/mailbox/model/poll-result.js';
import { changePosition, type AccountId } from '../../src/mailbox/model/ids.js';
import type { Message } from '../../src/mailbox/model/message.js';
import { Pop3Adapter } from '../../src/pop3/pop3.adapter.js';
import { PostgresDownloadLedger } from '../../src/store/postgres-download-ledger.repository.js';
import { PostgresMirrorStore } from '../../src/store/postgres-mirror.store.js';
import { select } from '../../src/store/sql.js';
import { message, messageWithAttachment, oddMessages } from '../factories/messages.js';
import { startDovecot, type Dovecot } from '../servers/dovecot.js';
import { multiline } from '../servers/pop3-script.js';
import { insertAccount } from '../factories/stored-account.js';
import { createTestDatabase, type TestDatabase } from '../servers/postgres.js';
import { ScriptedServer } from '../servers/scripted-server.js';

let database: TestDatabase;
let dataSource: DataSource;
let mirror: PostgresMirrorStore;
let ledger: PostgresDownloadLedger;
let dovecot: Dovecot;
const never = new AbortController().signal;

beforeAll(async () => {
  database = await createTestDatabase();
  dataSource = await new DataSource({ type: 'postgres', url: database.url }).initialize();
  mirror = new PostgresMirrorStore(dataSource);
  ledger = new PostgresDownloadLedger(dataSource);
  dovecot = await startDovecot();
}, 60_000);

afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
  await dovecot.stop();
});

const sha256 = (octets: Buffer): string => createHash('sha256').update(octets).digest('hex');
let users = 0;

describe('POP3 download', () => {
  let user: string;
  let accountId: AccountId;

  beforeEach(async () => {
    user = `user${(users += 1)}`;
    await dovecot.addUser(user, 'secret');
    accountId = await insertAccount(dataSource, 'POP3');
    await mirror.write(accountId, (tx) =>
      tx.insertMailbox({ path: 'INBOX', specialUse: 'INBOX', subscribed: true, selectable: true, complete: false }),
    );
  });

  afterEach(() => {
    jest.restoreAllMocks();
  });

  function keeper(policy: Partial<Pop3Policy> = {}, port = dovecot.pop3.tlsPort, security: 'TLS' | 'NONE' = 'TLS') {
    const account: Pop3Account = {
      id: accountId,
      name: 'a',
      protocol: 'POP3',
      server: { host: 'localhost', port, security, username: user, authentication: 'PASSWORD' },
      status: { state: 'ONLINE', since: new Date() },
      changePosition: changePosition(0),
      createdAt: new Date(),
      policy: { afterDownload: 'KEEP', deleteWhenExpunged: false, pollIntervalSeconds: 300, ...policy },
      poll: {},
    };
    const adapter = new Pop3Adapter(mirror, ledger);
    return adapter.open(account, {
      ...account.server,
      accountId,
      secret: async () => ({ kind: 'password', password: 'secret' }),
      resolve: async () => ({ host: 'localhost', port, addresses: ['127.0.0.1'] }),
      extraCa: dovecot.caPem,
    }) as GatewayKeeper;
  }

  /** A poll as the runner makes it: what it found is remembered, so that the next one is not the first. */
  async function poll(
    policy: Partial<Pop3Policy> = {},
    ...server: [port?: number, security?: 'NONE']
  ): Promise<PollResult> {
    const result = await keeper(policy, ...server).poll(0n, () => undefined, never);
    await mirror.write(accountId, (tx) => tx.setPoll({ lastPollAt: new Date(), lastPoll: result }));
    return result;
  }
  async function stored(): Promise<readonly Message[]> {
    const order = { field: 'RECEIVED_AT', direction: 'ASC' } as const;
    const page = await mirror.listMessages({ accountIds: [accountId], filter: {}, order, page: { first: 1000 } });
    return page.edges.map(({ node }) => node);
  }
  const subjects = async () => (await stored()).map(({ envelope }) => envelope.subject ?? '').toSorted();
  const onServer = async () => (await dovecot.listMessages(user)).length;
  const octetsOf = async ({ contentId }: Message): Promise<Buffer> => {
    const pieces: Buffer[] = [];
    for await (const piece of mirror.readContent(accountId, contentId!)) pieces.push(piece);
    return Buffer.concat(pieces);
  };
  const deliver = async (...names: string[]): Promise<void> => {
    for (const subject of names) await dovecot.deliver(user, message({ subject }));
  };
  const purge = async (subject: string): Promise<void> => {
    const gone = (await stored()).filter(({ envelope }) => envelope.subject === subject);
    await mirror.write(accountId, (tx) => tx.removeMessages(gone.map(({ id }) => id)));
  };

  it('KEEP: stores everything once and leaves the server alone', async () => {
    await deliver('a', 'b', 'c');
    expect(await poll()).toMatchObject({ downloaded: 3, alreadyStored: 0, deletedOnServer: 0, skipped: 0 });
    expect(await poll()).toMatchObject({ downloaded: 0, alreadyStored: 3, bytes: 0 });
    expect(await subjects()).toEqual(['a', 'b', 'c']);
    expect(await onServer()).toBe(3);
    expect((await stored())[0]!.pop3).toMatchObject({
      onServer: true,
      uidl: expect.any(String),
      downloadedAt: expect.any(Date),
    });
  });

  it('DELETE: deletes only what is stored', async () => {
    await deliver('a', 'b');
    expect(await poll({ afterDownload: 'DELETE' })).toMatchObject({ downloaded: 2, deletedOnServer: 2 });
    expect(await onServer()).toBe(0);
    expect(await subjects()).toEqual(['a', 'b']);
    expect((await stored())[0]!.pop3).toMatchObject({ onServer: false });
  });

  it('DELETE_AFTER_DAYS: counts from our own download', async () => {
    await deliver('a', 'b');
    const policy = { afterDownload: 'DELETE_AFTER_DAYS', deleteAfterDays: 7 } as const;
    expect(await poll(policy)).toMatchObject({ deletedOnServer: 0 });
    await select(dataSource, `UPDATE uidl SET stored_at = now() - interval '8 days' WHERE account_id = $1`, [
      accountId,
    ]);
    await deliver('c');
    expect(await poll(policy)).toMatchObject({ downloaded: 1, deletedOnServer: 2 });
    expect(await onServer()).toBe(1);
  });

  it('calls what the first visit finds history, and what comes later news', async () => {
    await deliver('old');
    await poll();
    await deliver('new');
    await poll();
    const changes = await new ChangeLogRepository(dataSource).read(accountId, changePosition(0), 100);
    expect(changes.flatMap((change) => (change.type === 'MESSAGE_ADDED' ? [change.initial] : []))).toEqual([
      true,
      false,
    ]);
  });

  it('does not fetch again what was purged here, and deletes it on the server only where that is wanted', async () => {
    await deliver('a', 'b');
    await poll();
    await purge('a');
    expect(await poll()).toMatchObject({ downloaded: 0, alreadyStored: 2, deletedOnServer: 0 });
    expect(await subjects()).toEqual(['b']);
    expect(await poll({ deleteWhenExpunged: true })).toMatchObject({ deletedOnServer: 1 });
    expect(await onServer()).toBe(1);
  });

  it('case 5: keeps odd octets exactly', async () => {
    const odd = Object.values(oddMessages());
    for (const octets of odd) await dovecot.deliver(user, octets);
    expect(await poll()).toMatchObject({ downloaded: odd.length, skipped: 0 });
    for (const stored_ of await stored()) {
      const octets = await octetsOf(stored_);
      const [row] = await select<{ raw_sha256: Buffer }>(
        dataSource,
        'SELECT raw_sha256 FROM uidl WHERE account_id = $1 AND message_id = $2',
        [accountId, stored_.id],
      );
      expect(sha256(octets)).toBe(row!.raw_sha256.toString('hex'));
      expect(stored_.sizeBytes).toBe(octets.length);
    }
  }, 30_000);

  it('stores a message of 20 MB exactly, in pieces', async () => {
    const large = messageWithAttachment(20 * 1024 * 1024, { subject: 'large' });
    await dovecot.deliver(user, large);
    expect(await poll()).toMatchObject({ downloaded: 1 });
    const [found] = await stored();
    expect(found!.envelope.subject).toBe('large');
    expect(found!.hasAttachments).toBe(true);
    const octets = await octetsOf(found!);
    expect(sha256(octets.subarray(0, large.length))).toBe(sha256(large));
  }, 60_000);

  it('case 7: a commit that fails stores nothing, quits nothing, and the next visit stores once', async () => {
    await deliver('a', 'b');
    jest.spyOn(ledger, 'store').mockRejectedValueOnce(new Error('the disk is full'));
    await expect(poll({ afterDownload: 'DELETE' })).rejects.toThrow('the disk is full');
    expect([await subjects(), await onServer()]).toEqual([[], 2]);
    expect(await poll({ afterDownload: 'DELETE' })).toMatchObject({ downloaded: 2, deletedOnServer: 2 });
    expect(await subjects()).toEqual(['a', 'b']);
  });

  it('case 8: cut off after the commit and before DELE, it is not fetched again but deleted', async () => {
    await deliver('a');
    jest.spyOn(ledger, 'loadDeletable').mockRejectedValueOnce(new Error('killed'));
    await expect(poll({ afterDownload: 'DELETE' })).rejects.toThrow('killed');
    expect(await poll({ afterDownload: 'DELETE' })).toMatchObject({
      downloaded: 0,
      alreadyStored: 1,
      deletedOnServer: 1,
    });
    expect(await onServer()).toBe(0);
  });

  it('case 9: cut off after DELE and before QUIT, the server restores and DELE is sent again', async () => {
    await deliver('a');
    await poll();
    const rows = (await ledger.load(accountId, 0n)).rows;
    await ledger.markDeleting(
      accountId,
      0n,
      rows.map(({ id }) => id),
    );
    expect(await poll({ afterDownload: 'DELETE' })).toMatchObject({ downloaded: 0, deletedOnServer: 1 });
    await poll({ afterDownload: 'DELETE' });
    expect((await ledger.load(accountId, 0n)).rows.map(({ state }) => state)).toEqual(['DELETED']);
  });

  it('case 10: with the answer to QUIT lost, the next listing tells', async () => {
    await deliver('a');
    jest.spyOn(ledger, 'markDeleted').mockRejectedValueOnce(new Error('answer lost'));
    await expect(poll({ afterDownload: 'DELETE' })).rejects.toThrow('answer lost');
    expect((await ledger.load(accountId, 0n)).rows[0]!.state).toBe('DELETING');
    expect(await poll({ afterDownload: 'DELETE' })).toMatchObject({ downloaded: 0, deletedOnServer: 0 });
    expect((await ledger.load(accountId, 0n)).rows[0]!.state).toBe('DELETED');
    expect(await subjects()).toEqual(['a']);
  });

  it('case 16: two messages of the same octets are two messages', async () => {
    const same = message({ subject: 'same' });
    await dovecot.deliver(user, same);
    await dovecot.deliver(user, same);
    expect(await poll()).toMatchObject({ downloaded: 2 });
    expect(await poll()).toMatchObject({ downloaded: 0, alreadyStored: 2 });
  });

  it('case 24: a message that another client deleted stays here', async () => {
    await deliver('a', 'b');
    await poll();
    await dovecot.doveadm('expunge', '-u', user, 'mailbox', 'INBOX', 'header', 'subject', 'a');
    expect(await poll()).toMatchObject({ downloaded: 0, alreadyStored: 1 });
    expect(await subjects()).toEqual(['a', 'b']);
    const origin = (await stored()).find(({ envelope }) => envelope.subject === 'a')!.pop3;
    expect(origin).toMatchObject({ onServer: false });
  });

  it('case 25: a lease that has passed to another instance stores nothing and deletes nothing', async () => {
    await deliver('a');
    await select(dataSource, 'UPDATE account SET epoch = 1 WHERE id = $1', [accountId]);
    await expect(poll({ afterDownload: 'DELETE' })).rejects.toMatchObject({ code: 'CONFLICT' });
    expect([await subjects(), await onServer()]).toEqual([[], 1]);
  });

  it('skips what is larger than the account wants, says so, and fetches it when the limit is raised', async () => {
    await deliver('small');
    await dovecot.deliver(user, messageWithAttachment(200_000, { subject: 'big' }));
    expect(await poll({ maxMessageBytes: 100_000 })).toMatchObject({ downloaded: 1, skipped: 1 });
    expect(await poll({ maxMessageBytes: 100_000 })).toMatchObject({ downloaded: 0, skipped: 1 });
    expect(await poll()).toMatchObject({ downloaded: 1, skipped: 0 });
    expect(await subjects()).toEqual(['big', 'small']);
  });

  describe('on a server that does what Dovecot will not', () => {
    interface Mail {
      uidl?: string;
      octets: Buffer;
      /** In LIST; of the octets where absent. */
      listSize?: number;
    }

    interface Habits {
      /** Beside USER and PIPELINING; without it the server has no TOP. */
      top?: boolean;
      /** To QUIT. */
      farewell?: string;
      /** To DELE. */
      refuses?: boolean;
    }

    /** One session with this maildrop; what it deletes is gone when QUIT arrives. */
    async function session(
      mails: readonly Mail[],
      policy: Partial<Pop3Policy> = {},
      { top = false, farewell = '+OK', refuses = false }: Habits = {},
    ): Promise<PollResult & { deleted: number[]; read: string[] }> {
      const deleted: number[] = [];
      const read: string[] = [];
      const hasUidl = mails.some(({ uidl }) => uidl);
      const rows = (text: (found: Mail) => string): string =>
        multiline(mails.map((found, i) => `${i + 1} ${text(found)}\r\n`).join(''));
      const answer = (verb: string, found: Mail | undefined): string => {
        if (verb === 'CAPA')
          return multiline(`USER\r\nPIPELINING\r\n${hasUidl ? 'UIDL\r\n' : ''}${top ? 'TOP\r\n' : ''}`);
        if (verb === 'STAT') return `+OK ${mails.length} 0\r\n`;
        if (verb === 'LIST') return rows(({ octets, listSize }) => String(listSize ?? octets.length));
        if (verb === 'UIDL')
          return hasUidl || mails.length === 0 ? rows(({ uidl }) => uidl ?? '') : '-ERR unknown command\r\n';
        const text = found?.octets.toString('latin1').trimEnd() ?? '';
        if (verb === 'RETR') return multiline(`${text}\r\n`);
        if (verb === 'TOP') return multiline(`${text.split('\r\n\r\n', 1)[0]}\r\n\r\n`);
        if (verb === 'DELE') return refuses ? '-ERR not today\r\n' : '+OK\r\n';
        return verb === 'QUIT' ? `${farewell}\r\n` : '+OK\r\n';
      };
      const server = await ScriptedServer.start(async (peer) => {
        await peer.send('+OK ready\r\n');
        for (let line = await peer.nextLine(); line !== undefined; line = await peer.nextLine()) {
          const [verb = '', argument] = line.split(' ');
          if (verb === 'DELE') deleted.push(Number(argument));
          if (verb === 'RETR' || verb === 'TOP') read.push(`${verb} ${argument}`);
          await peer.send(Buffer.from(answer(verb, mails[Number(argument) - 1]), 'latin1'));
          if (verb === 'QUIT') return peer.end();
        }
      });
      try {
        return { ...(await poll(policy, server.port, 'NONE')), deleted, read };
      } finally {
        await server.close();
      }
    }
    const mail = (subject: string, uidl?: string): Mail => ({
      uidl,
      octets: message({ subject, messageId: `${subject}@x` }),
    });

    it('case 12: an empty listing forgets nothing', async () => {
      const mails = ['a', 'b'].map((name) => mail(name, name));
      await session(mails);
      expect(await session([])).toMatchObject({ downloaded: 0 });
      expect(await session(mails)).toMatchObject({ downloaded: 0, alreadyStored: 2 });
      expect(await subjects()).toEqual(['a', 'b']);
    });

    it('case 13: when every id changes nothing is doubled, and nothing deleted in that visit', async () => {
      const names = ['a', 'b', 'c'];
      await session(names.map((name) => mail(name, name)));
      const renumbered = names.map((name) => mail(name, `new-${name}`));
      const policy = { afterDownload: 'DELETE' } as const;
      expect(await session(renumbered, policy)).toMatchObject({ downloaded: 0, alreadyStored: 3, deleted: [] });
      expect(await subjects()).toEqual(names);
      expect(await session(renumbered, policy)).toMatchObject({ downloaded: 0, deleted: [1, 2, 3] });
    });

    it('case 13: a server with TOP is asked for headers only', async () => {
      const names = ['a', 'b', 'c'];
      await session(names.map((name) => mail(name, name)));
      const renumbered = [...names.map((name) => mail(name, `new-${name}`)), mail('d', 'new-d')];
      expect(await session(renumbered, {}, { top: true })).toMatchObject({
        downloaded: 1,
        alreadyStored: 3,
        read: ['TOP 1', 'TOP 2', 'TOP 3', 'TOP 4', 'RETR 4'],
      });
      expect(await session(renumbered)).toMatchObject({ downloaded: 0, alreadyStored: 4, read: [] });
    });

    it('case 13: ids that change behind an empty listing double nothing', async () => {
      await session(['a', 'b'].map((name) => mail(name, name)));
      await session([]);
      expect(await session(['a', 'b'].map((name) => mail(name, `new-${name}`)))).toMatchObject({ downloaded: 0 });
      expect(await subjects()).toEqual(['a', 'b']);
    });

    it('case 14: two messages under one id are both stored, and deleted only when both were read again', async () => {
      const twins = [mail('a', 'same'), mail('b', 'same')];
      expect(await session(twins)).toMatchObject({ downloaded: 2 });
      expect(await session(twins)).toMatchObject({ downloaded: 0, alreadyStored: 2, read: [] });
      const policy = { afterDownload: 'DELETE' } as const;
      expect(await session([twins[1]!, mail('c', 'same')], policy)).toMatchObject({
        downloaded: 1,
        alreadyStored: 1,
        read: ['RETR 1', 'RETR 2'],
        deleted: [1, 2],
      });
      expect(await subjects()).toEqual(['a', 'b', 'c']);
    });

    it('case 14: of two messages under one id the one that stays is known', async () => {
      const twins = [mail('a', 'same'), mail('bb', 'same')];
      await session(twins);
      expect(await session([twins[1]!])).toMatchObject({ downloaded: 0, alreadyStored: 1, read: ['RETR 1'] });
      expect(await session([twins[1]!])).toMatchObject({ downloaded: 0, alreadyStored: 1, read: [] });
    });

    it.each([true, false])(
      'case 15: new mail under the id and with the size of what was just deleted is fetched, not deleted (TOP: %s)',
      async (top) => {
        const policy = { afterDownload: 'DELETE' } as const;
        expect(await session([mail('a', 'one')], policy, { top })).toMatchObject({ deletedOnServer: 1 });
        expect(await session([mail('b', 'one')], policy, { top })).toMatchObject({ downloaded: 1 });
        expect(await subjects()).toEqual(['a', 'b']);
      },
    );

    it.each([true, false])(
      'case 15: new mail under the id of a message that another client deleted is fetched (TOP: %s)',
      async (top) => {
        await session([mail('a', 'one')]);
        expect(await session([mail('other', 'one')], {}, { top })).toMatchObject({ downloaded: 1 });
        expect(await session([mail('other', 'one')], {}, { top })).toMatchObject({ downloaded: 0, read: [] });
        expect(await subjects()).toEqual(['a', 'other']);
      },
    );

    it.each([true, false])(
      'case 15: what is to be deleted later is looked at first: another message under its id is kept (TOP: %s)',
      async (top) => {
        await session([mail('a', 'one')]);
        const policy = { afterDownload: 'DELETE_AFTER_DAYS', deleteAfterDays: 0 } as const;
        const { octets, uidl } = mail('b', 'one');
        // Without TOP the size has to tell.
        const other = { uidl, octets, listSize: top ? octets.length : octets.length + 1 };
        await session([other], policy, { top });
        expect(await subjects()).toEqual(['a', 'b']);
      },
    );

    it('a message whose header and size the server changes is still the same', async () => {
      const octets = message({ subject: 'mbox', messageId: 'm@x' });
      await session([{ uidl: 'one', octets }]);
      const flagged = Buffer.from(octets.toString().replace('Subject:', 'Status: RO\r\nX-UID: 7\r\nSubject:'));
      for (const top of [true, false]) {
        const again = { uidl: 'one', octets: Buffer.concat([flagged, Buffer.from(top ? '' : 'x')]) };
        expect(await session([again], {}, { top })).toMatchObject({ downloaded: 0, alreadyStored: 1 });
      }
      expect(await subjects()).toEqual(['mbox']);
    });

    it('case 11: a QUIT that is refused confirms nothing, and what was stored stays stored', async () => {
      const policy = { afterDownload: 'DELETE' } as const;
      const farewell = '-ERR some deleted messages not removed';
      expect(await session([mail('a', 'one')], policy, { farewell })).toMatchObject({
        downloaded: 1,
        deletedOnServer: 0,
      });
      expect(await session([mail('a', 'one')], policy)).toMatchObject({ downloaded: 0, deletedOnServer: 1 });
      expect(await subjects()).toEqual(['a']);
    });

    it('a server that pretends to delete, or refuses to, is asked twice and then once a day', async () => {
      const policy = { afterDownload: 'DELETE' } as const;
      const asked = async (habits: Habits): Promise<number> =>
        (await session([mail('a', 'one')], policy, { top: true, ...habits })).deleted.length;
      expect(await asked({})).toBe(1);
      expect(await asked({ refuses: true })).toBe(1);
      expect(await asked({})).toBe(0);
      await select(dataSource, `UPDATE uidl SET failed_at = now() - interval '25 hours' WHERE account_id = $1`, [
        accountId,
      ]);
      expect(await asked({})).toBe(1);
    });

    it('case 15: an id that is used again brings the new message', async () => {
      const policy = { afterDownload: 'DELETE' } as const;
      await session([mail('a', 'one')], policy);
      await session([], policy);
      expect(await session([mail('b', 'one')], policy)).toMatchObject({ downloaded: 1 });
      expect(await subjects()).toEqual(['a', 'b']);
    });

    it('case 15: a message that comes back after its deletion is recognised and deleted again', async () => {
      const policy = { afterDownload: 'DELETE' } as const;
      await session([mail('a', 'one')], policy);
      await session([], policy);
      expect(await session([mail('a', 'one')], policy)).toMatchObject({
        downloaded: 0,
        alreadyStored: 1,
        deleted: [1],
      });
      expect(await subjects()).toEqual(['a']);
    });

    it('case 17: ids are compared octet by octet', async () => {
      const ids = ['a/b', 'A/B', 'with=equals,comma', 'x'.repeat(200), '\u00e9\u00e8'];
      const mails = ids.map((uidl, i) => mail(`m${i}`, uidl));
      expect(await session(mails)).toMatchObject({ downloaded: 5 });
      expect(await session(mails)).toMatchObject({ downloaded: 0, alreadyStored: 5 });
    });

    it('case 18: without UIDL octets are the identity', async () => {
      const mails = [mail('a'), mail('b')];
      expect(await session(mails)).toMatchObject({ downloaded: 2 });
      expect(await session([...mails, mail('c')])).toMatchObject({ downloaded: 1, alreadyStored: 2 });
      expect(await session(mails, { afterDownload: 'DELETE' })).toMatchObject({ downloaded: 0, deleted: [1, 2] });
      expect(await subjects()).toEqual(['a', 'b', 'c']);
    });
  });
});
