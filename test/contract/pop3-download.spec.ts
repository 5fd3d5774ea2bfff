import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Pop3Policy } from '../../src/accounts/account.js';
import { ChangeLogRepository } from '../../src/events/change-log.repository.js';
import { changePosition } from '../../src/mailbox/model/ids.js';
import type { PollResult } from '../../src/mailbox/model/poll-result.js';
import { select } from '../../src/store/sql.js';
import { message, messageWithAttachment, oddMessages } from '../factories/messages.js';
import { startDovecot, type Dovecot } from '../servers/dovecot.js';
import { FakeMaildrop, type FakeMail } from '../servers/fake-maildrop.js';
import { Pop3Store, type Pop3TestAccount } from './pop3-account.js';

let store: Pop3Store;
let dovecot: Dovecot;

beforeAll(async () => {
  store = await Pop3Store.create();
  dovecot = await startDovecot();
}, 60_000);

afterAll(async () => {
  await store.close();
  await dovecot.stop();
});

const sha256 = (octets: Buffer): string => createHash('sha256').update(octets).digest('hex');
let users = 0;

describe('POP3 download', () => {
  let user: string;
  let account: Pop3TestAccount;

  beforeEach(async () => {
    user = `user${(users += 1)}`;
    await dovecot.addUser(user, 'secret');
    const { tlsPort: port } = dovecot.pop3;
    account = await store.account({ port, security: 'TLS', username: user, extraCa: dovecot.caPem });
  });

  afterEach(() => {
    jest.restoreAllMocks();
  });

  const onServer = async () => (await dovecot.listMessages(user)).length;
  const deliver = async (...names: string[]): Promise<void> => {
    for (const subject of names) await dovecot.deliver(user, message({ subject }));
  };

  it('KEEP: stores everything once and leaves the server alone', async () => {
    await deliver('a', 'b', 'c');
    expect(await account.poll()).toMatchObject({ downloaded: 3, alreadyStored: 0, deletedOnServer: 0, skipped: 0 });
    expect(await account.poll()).toMatchObject({ downloaded: 0, alreadyStored: 3, bytes: 0 });
    expect(await account.subjects()).toEqual(['a', 'b', 'c']);
    expect(await onServer()).toBe(3);
    expect((await account.stored())[0]!.pop3).toMatchObject({
      onServer: true,
      uidl: expect.any(String),
      downloadedAt: expect.any(Date),
    });
  });

  it('KEEP: asks the ledger only when the listing has changed', async () => {
    await deliver('a', 'b');
    const keeper = account.keeper();
    const load = jest.spyOn(store.ledger, 'load');
    for (const loads of [1, 2, 2, 2]) {
      expect(await account.poll(keeper)).toMatchObject({ downloaded: loads === 1 ? 2 : 0, skipped: 0, hasUidl: true });
      expect(load).toHaveBeenCalledTimes(loads);
    }
    await deliver('c');
    expect(await account.poll(keeper)).toMatchObject({ downloaded: 1, alreadyStored: 2 });
    await account.poll(keeper);
    await dovecot.doveadm('expunge', '-u', user, 'mailbox', 'INBOX', 'all');
    expect(await account.poll(keeper)).toMatchObject({ downloaded: 0, alreadyStored: 0 });
    expect((await account.stored()).map(({ pop3 }) => pop3?.onServer)).toEqual([false, false, false]);
  });

  it('DELETE_AFTER_DAYS, deleteWhenExpunged: asks the ledger each time', async () => {
    await deliver('a');
    const load = jest.spyOn(store.ledger, 'load');
    for (const policy of [
      { afterDownload: 'DELETE_AFTER_DAYS', deleteAfterDays: 9 },
      { deleteWhenExpunged: true },
    ] as const) {
      load.mockClear();
      const keeper = account.keeper(policy);
      for (const loads of [1, 2, 3]) {
        await account.poll(keeper);
        expect(load).toHaveBeenCalledTimes(loads);
      }
    }
  });

  it('DELETE: deletes only what is stored', async () => {
    await deliver('a', 'b');
    expect(await account.poll({ afterDownload: 'DELETE' })).toMatchObject({ downloaded: 2, deletedOnServer: 2 });
    expect(await onServer()).toBe(0);
    expect(await account.subjects()).toEqual(['a', 'b']);
    expect((await account.stored())[0]!.pop3).toMatchObject({ onServer: false });
  });

  it('DELETE_AFTER_DAYS: counts from our own download', async () => {
    await deliver('a', 'b');
    const policy = { afterDownload: 'DELETE_AFTER_DAYS', deleteAfterDays: 7 } as const;
    expect(await account.poll(policy)).toMatchObject({ deletedOnServer: 0 });
    await select(store.dataSource, `UPDATE uidl SET stored_at = now() - interval '8 days' WHERE account_id = $1`, [
      account.id,
    ]);
    await deliver('c');
    expect(await account.poll(policy)).toMatchObject({ downloaded: 1, deletedOnServer: 2 });
    expect(await onServer()).toBe(1);
  });

  it('calls what the first visit finds history, and what comes later news', async () => {
    await deliver('old');
    await account.poll();
    await deliver('new');
    await account.poll();
    const changes = await new ChangeLogRepository(store.dataSource).read(account.id, changePosition(0), 100);
    expect(changes.flatMap((change) => (change.type === 'MESSAGE_ADDED' ? [change.initial] : []))).toEqual([
      true,
      false,
    ]);
  });

  it('does not fetch again what was purged here, and deletes it on the server only where that is wanted', async () => {
    await deliver('a', 'b');
    await account.poll();
    await account.purge('a');
    expect(await account.poll()).toMatchObject({ downloaded: 0, alreadyStored: 2, deletedOnServer: 0 });
    expect(await account.subjects()).toEqual(['b']);
    expect(await account.poll({ deleteWhenExpunged: true })).toMatchObject({ deletedOnServer: 1 });
    expect(await onServer()).toBe(1);
  });

  it('case 5: keeps odd octets exactly', async () => {
    const odd = Object.values(oddMessages());
    for (const octets of odd) await dovecot.deliver(user, octets);
    expect(await account.poll()).toMatchObject({ downloaded: odd.length, skipped: 0 });
    for (const stored_ of await account.stored()) {
      const octets = await account.octetsOf(stored_);
      const [row] = await select<{ raw_sha256: Buffer }>(
        store.dataSource,
        'SELECT raw_sha256 FROM uidl WHERE account_id = $1 AND message_id = $2',
        [account.id, stored_.id],
      );
      expect(sha256(octets)).toBe(row!.raw_sha256.toString('hex'));
      expect(stored_.sizeBytes).toBe(octets.length);
    }
  }, 30_000);

  it('stores a message of 20 MB exactly, in pieces', async () => {
    const large = messageWithAttachment(20 * 1024 * 1024, { subject: 'large' });
    await dovecot.deliver(user, large);
    expect(await account.poll()).toMatchObject({ downloaded: 1 });
    const [found] = await account.stored();
    expect(found!.envelope.subject).toBe('large');
    expect(found!.hasAttachments).toBe(true);
    const octets = await account.octetsOf(found!);
    expect(sha256(octets.subarray(0, large.length))).toBe(sha256(large));
  }, 60_000);

  it('case 7: a commit that fails stores nothing, quits nothing, and the next visit stores once', async () => {
    await deliver('a', 'b');
    jest.spyOn(store.ledger, 'store').mockRejectedValueOnce(new Error('the disk is full'));
    await expect(account.poll({ afterDownload: 'DELETE' })).rejects.toThrow('the disk is full');
    expect([await account.subjects(), await onServer()]).toEqual([[], 2]);
    expect(await account.poll({ afterDownload: 'DELETE' })).toMatchObject({ downloaded: 2, deletedOnServer: 2 });
    expect(await account.subjects()).toEqual(['a', 'b']);
  });

  it('case 8: cut off after the commit and before DELE, it is not fetched again but deleted', async () => {
    await deliver('a');
    jest.spyOn(store.ledger, 'loadDeletable').mockRejectedValueOnce(new Error('killed'));
    await expect(account.poll({ afterDownload: 'DELETE' })).rejects.toThrow('killed');
    expect(await account.poll({ afterDownload: 'DELETE' })).toMatchObject({
      downloaded: 0,
      alreadyStored: 1,
      deletedOnServer: 1,
    });
    expect(await onServer()).toBe(0);
  });

  it('case 9: cut off after DELE and before QUIT, the server restores and DELE is sent again', async () => {
    await deliver('a');
    await account.poll();
    const rows = await account.ledger();
    await store.ledger.markDeleting(
      account.id,
      0n,
      rows.map(({ id }) => id),
    );
    expect(await account.poll({ afterDownload: 'DELETE' })).toMatchObject({ downloaded: 0, deletedOnServer: 1 });
    await account.poll({ afterDownload: 'DELETE' });
    expect((await account.ledger()).map(({ state }) => state)).toEqual(['DELETED']);
  });

  it('case 10: with the answer to QUIT lost, the next listing tells', async () => {
    await deliver('a');
    jest.spyOn(store.ledger, 'markDeleted').mockRejectedValueOnce(new Error('answer lost'));
    await expect(account.poll({ afterDownload: 'DELETE' })).rejects.toThrow('answer lost');
    expect((await account.ledger())[0]!.state).toBe('DELETING');
    expect(await account.poll({ afterDownload: 'DELETE' })).toMatchObject({ downloaded: 0, deletedOnServer: 0 });
    expect((await account.ledger())[0]!.state).toBe('DELETED');
    expect(await account.subjects()).toEqual(['a']);
  });

  it('case 16: two messages of the same octets are two messages', async () => {
    const same = message({ subject: 'same' });
    await dovecot.deliver(user, same);
    await dovecot.deliver(user, same);
    expect(await account.poll()).toMatchObject({ downloaded: 2 });
    expect(await account.poll()).toMatchObject({ downloaded: 0, alreadyStored: 2 });
  });

  it('case 24: a message that another client deleted stays here', async () => {
    await deliver('a', 'b');
    await account.poll();
    await dovecot.doveadm('expunge', '-u', user, 'mailbox', 'INBOX', 'header', 'subject', 'a');
    expect(await account.poll()).toMatchObject({ downloaded: 0, alreadyStored: 1 });
    expect(await account.subjects()).toEqual(['a', 'b']);
    const origin = (await account.stored()).find(({ envelope }) => envelope.subject === 'a')!.pop3;
    expect(origin).toMatchObject({ onServer: false });
  });

  it('case 25: a lease that has passed to another instance stores nothing and deletes nothing', async () => {
    await deliver('a');
    await select(store.dataSource, 'UPDATE account SET epoch = 1 WHERE id = $1', [account.id]);
    await expect(account.poll({ afterDownload: 'DELETE' })).rejects.toMatchObject({ code: 'CONFLICT' });
    expect([await account.subjects(), await onServer()]).toEqual([[], 1]);
  });

  it('skips what is larger than the account wants, says so, and fetches it when the limit is raised', async () => {
    await deliver('small');
    await dovecot.deliver(user, messageWithAttachment(200_000, { subject: 'big' }));
    expect(await account.poll({ maxMessageBytes: 100_000 })).toMatchObject({ downloaded: 1, skipped: 1 });
    expect(await account.poll({ maxMessageBytes: 100_000 })).toMatchObject({ downloaded: 0, skipped: 1 });
    expect(await account.poll()).toMatchObject({ downloaded: 1, skipped: 0 });
    expect(await account.subjects()).toEqual(['big', 'small']);
  });

  describe('on a server that does what Dovecot will not', () => {
    interface Habits {
      /** Without it the server has no TOP. */
      top?: boolean;
      /** To QUIT. */
      farewell?: string;
      /** To DELE. */
      refuses?: boolean;
    }

    /** One visit to a server with this maildrop. */
    async function session(
      mails: readonly FakeMail[],
      policy: Partial<Pop3Policy> = {},
      { top = false, farewell, refuses = false }: Habits = {},
    ): Promise<PollResult & { deleted: number[]; read: readonly string[] }> {
      const hasUidl = mails.some(({ uidl }) => uidl);
      const server = await FakeMaildrop.start(mails, {
        capabilities: ['PIPELINING', ...(hasUidl ? ['UIDL'] : []), ...(top ? ['TOP'] : [])],
        answer: (line) => {
          if (line === 'QUIT') return farewell && `${farewell}\r\n`;
          return refuses && line.startsWith('DELE') ? '-ERR not today\r\n' : undefined;
        },
      });
      try {
        const result = await account.poll(account.keeper(policy, {}, server));
        const deleted = server.said('DELE').map((line) => Number(line.slice(5)));
        return { ...result, deleted, read: server.said('RETR', 'TOP') };
      } finally {
        await server.close();
      }
    }
    const mail = (subject: string, uidl?: string): FakeMail => ({
      uidl,
      octets: message({ subject, messageId: `${subject}@x` }),
    });

    it('case 12: an empty listing forgets nothing', async () => {
      const mails = ['a', 'b'].map((name) => mail(name, name));
      await session(mails);
      expect(await session([])).toMatchObject({ downloaded: 0 });
      expect(await session(mails)).toMatchObject({ downloaded: 0, alreadyStored: 2 });
      expect(await account.subjects()).toEqual(['a', 'b']);
    });

    it('case 13: when every id changes nothing is doubled, and nothing deleted in that visit', async () => {
      const names = ['a', 'b', 'c'];
      await session(names.map((name) => mail(name, name)));
      const renumbered = names.map((name) => mail(name, `new-${name}`));
      const policy = { afterDownload: 'DELETE' } as const;
      expect(await session(renumbered, policy)).toMatchObject({ downloaded: 0, alreadyStored: 3, deleted: [] });
      expect(await account.subjects()).toEqual(names);
      expect(await session(renumbered, policy)).toMatchObject({ downloaded: 0, deleted: [1, 2, 3] });
    });

    it('case 13: a server with TOP is asked for headers only', async () => {
      const names = ['a', 'b', 'c'];
      await session(names.map((name) => mail(name, name)));
      const renumbered = [...names.map((name) => mail(name, `new-${name}`)), mail('d', 'new-d')];
      expect(await session(renumbered, {}, { top: true })).toMatchObject({
        downloaded: 1,
        alreadyStored: 3,
        read: ['TOP 1 0', 'TOP 2 0', 'TOP 3 0', 'TOP 4 0', 'RETR 4'],
      });
      expect(await session(renumbered)).toMatchObject({ downloaded: 0, alreadyStored: 4, read: [] });
    });

    it('case 13: ids that change behind an empty listing double nothing', async () => {
      await session(['a', 'b'].map((name) => mail(name, name)));
      await session([]);
      expect(await session(['a', 'b'].map((name) => mail(name, `new-${name}`)))).toMatchObject({ downloaded: 0 });
      expect(await account.subjects()).toEqual(['a', 'b']);
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
      expect(await account.subjects()).toEqual(['a', 'b', 'c']);
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
        expect(await account.subjects()).toEqual(['a', 'b']);
      },
    );

    it.each([true, false])(
      'case 15: new mail under the id of a message that another client deleted is fetched (TOP: %s)',
      async (top) => {
        await session([mail('a', 'one')]);
        expect(await session([mail('other', 'one')], {}, { top })).toMatchObject({ downloaded: 1 });
        expect(await session([mail('other', 'one')], {}, { top })).toMatchObject({ downloaded: 0, read: [] });
        expect(await account.subjects()).toEqual(['a', 'other']);
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
        expect(await account.subjects()).toEqual(['a', 'b']);
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
      expect(await account.subjects()).toEqual(['mbox']);
    });

    it('case 11: a QUIT that is refused confirms nothing, and what was stored stays stored', async () => {
      const policy = { afterDownload: 'DELETE' } as const;
      const farewell = '-ERR some deleted messages not removed';
      expect(await session([mail('a', 'one')], policy, { farewell })).toMatchObject({
        downloaded: 1,
        deletedOnServer: 0,
      });
      expect(await session([mail('a', 'one')], policy)).toMatchObject({ downloaded: 0, deletedOnServer: 1 });
      expect(await account.subjects()).toEqual(['a']);
    });

    it('a server that pretends to delete, or refuses to, is asked twice and then once a day', async () => {
      const policy = { afterDownload: 'DELETE' } as const;
      const asked = async (habits: Habits): Promise<number> =>
        (await session([mail('a', 'one')], policy, { top: true, ...habits })).deleted.length;
      expect(await asked({})).toBe(1);
      expect(await asked({ refuses: true })).toBe(1);
      expect(await asked({})).toBe(0);
      await select(store.dataSource, `UPDATE uidl SET failed_at = now() - interval '25 hours' WHERE account_id = $1`, [
        account.id,
      ]);
      expect(await asked({})).toBe(1);
    });

    it('case 15: an id that is used again brings the new message', async () => {
      const policy = { afterDownload: 'DELETE' } as const;
      await session([mail('a', 'one')], policy);
      await session([], policy);
      expect(await session([mail('b', 'one')], policy)).toMatchObject({ downloaded: 1 });
      expect(await account.subjects()).toEqual(['a', 'b']);
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
      expect(await account.subjects()).toEqual(['a']);
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
      expect(await account.subjects()).toEqual(['a', 'b', 'c']);
    });
  });
});
