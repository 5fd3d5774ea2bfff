import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { select } from '../../src/store/sql.js';
import { message, messageWithAttachment } from '../factories/messages.js';
import { FakeMaildrop, type FakeMail, type FakeMaildropOptions } from '../servers/fake-maildrop.js';
import { Pop3Store, type Pop3TestAccount } from './pop3-account.js';

let store: Pop3Store;
let server: FakeMaildrop;
let account: Pop3TestAccount;

beforeAll(async () => {
  store = await Pop3Store.create();
}, 60_000);
afterAll(() => store.close());
afterEach(() => server.close());

async function serve(mails: readonly FakeMail[], options: FakeMaildropOptions = {}): Promise<void> {
  server = await FakeMaildrop.start(mails, options);
  account = await store.account(server);
}

const mail = (subject: string, uidl: string | undefined = subject): FakeMail => ({
  uidl,
  octets: message({ subject, messageId: `${subject}@cases.example` }),
});
const mails = (...subjects: readonly string[]): FakeMail[] => subjects.map((subject) => mail(subject));
const DELETE = { afterDownload: 'DELETE' } as const;
const onServer = (): readonly (string | undefined)[] => server.mails.map(({ uidl }) => uidl);

describe('the line breaks', () => {
  it.each(['FIN', 'RST'] as const)(
    'case 1: in mid-body by %s: that message is not stored, nothing is deleted, the next visit takes each once',
    async (hangUp) => {
      await serve(mails('a', 'b', 'c'), {
        answer: (line, { index }) =>
          index === 0 && line === 'RETR 2' ? { send: '+OK\r\nSubject: b\r\n\r\nhalf a li', hangUp } : undefined,
      });
      const keeper = account.keeper(DELETE);
      await expect(account.poll(keeper)).rejects.toMatchObject({ code: 'CONNECTION_FAILED', retryable: true });
      expect(server.said('DELE', 'QUIT', 'RSET')).toEqual([]);
      expect(await account.subjects()).toEqual(['a']);
      expect(onServer()).toEqual(['a', 'b', 'c']);
      expect(await account.poll(keeper)).toMatchObject({ downloaded: 2, alreadyStored: 1, deletedOnServer: 3 });
      expect(await account.subjects()).toEqual(['a', 'b', 'c']);
      expect(onServer()).toEqual([]);
    },
  );

  it('case 10: after QUIT, before its answer, and the server had not deleted: DELE again, no RETR', async () => {
    await serve(mails('a'), {
      answer: (line, { index }) => (index === 0 && line === 'QUIT' ? { hangUp: 'FIN' } : undefined),
    });
    const keeper = account.keeper(DELETE);
    await expect(account.poll(keeper)).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
    expect(await account.ledger()).toMatchObject([{ state: 'DELETING' }]);
    expect(await account.poll(keeper)).toMatchObject({ downloaded: 0, deletedOnServer: 1 });
    expect(server.said('RETR', 'DELE')).toEqual(['DELE 1']);
    expect(await account.subjects()).toEqual(['a']);
  });

  it('case 10: after QUIT, before its answer, and the server had deleted: the next listing confirms it', async () => {
    await serve(mails('a'), {
      answer: (line, { index }) => {
        if (index !== 0 || line !== 'QUIT') return undefined;
        server.mails = [];
        return { hangUp: 'RST' };
      },
    });
    await expect(account.poll(DELETE)).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
    expect(await account.poll(DELETE)).toMatchObject({ downloaded: 0, deletedOnServer: 0 });
    expect(await account.ledger()).toMatchObject([{ state: 'DELETED' }]);
    expect(await account.subjects()).toEqual(['a']);
  });

  it('case 23: at the second pipelined command: the next visit asks one by one, and gets all', async () => {
    const pipelined: number[] = [];
    await serve(mails('a', 'b', 'c', 'd'), {
      answer: (line, { index, lines }) => {
        if (line === 'RETR 1') pipelined[index] = lines.filter((one) => one.startsWith('RETR')).length;
        return index === 0 && line === 'RETR 2' ? { hangUp: 'FIN' } : undefined;
      },
    });
    const keeper = account.keeper();
    await expect(account.poll(keeper)).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
    await account.poll(keeper);
    expect(server.said('RETR')).toEqual(['RETR 3', 'RETR 4', 'RETR 2']);
    expect(pipelined[0]).toBeGreaterThan(1);
    expect(await account.subjects()).toEqual(['a', 'b', 'c', 'd']);
  });

  it('case 23: the server answers out of step: nothing more is said, and what it gave in step is kept', async () => {
    await serve(mails('a', 'b'), {
      answer: (line, { index }) =>
        index === 0 && line === 'RETR 2' ? 'Subject: b\r\n\r\nfrom somewhere\r\n.\r\n' : undefined,
    });
    const keeper = account.keeper(DELETE);
    await expect(account.poll(keeper)).rejects.toMatchObject({ failure: 'protocol' });
    expect(server.said('DELE', 'QUIT')).toEqual([]);
    expect(await account.subjects()).toEqual(['a']);
    expect(await account.poll(keeper)).toMatchObject({ downloaded: 1, deletedOnServer: 2 });
  });
});

describe('one message of many', () => {
  it('case 22: is larger than it was listed and than is wanted: it alone is left, and no later one suffers', async () => {
    const liar = { uidl: 'liar', octets: messageWithAttachment(300_000, { subject: 'liar' }), listSize: 1024 };
    await serve([mail('a'), liar, mail('c')]);
    const policy = { ...DELETE, maxMessageBytes: 100_000 };
    const keeper = account.keeper(policy);
    await expect(account.poll(keeper)).rejects.toMatchObject({ code: 'TOO_LARGE' });
    expect(server.said('DELE', 'QUIT')).toEqual([]);
    for (let visit = 2; visit <= 3; visit += 1) {
      await expect(account.poll(keeper)).rejects.toMatchObject({ code: 'TOO_LARGE' });
      // What has failed before comes last, and nothing comes after it.
      expect(server.said('RETR', 'DELE', 'QUIT').at(-1)).toBe('RETR 2');
    }
    expect(await account.subjects()).toEqual(['a', 'c']);
    expect(await account.poll(keeper)).toMatchObject({
      deletedOnServer: 2,
      skipped: 1,
      skippedMessages: [{ number: 2, uidl: 'liar', sizeBytes: 1024, reason: 'RESTING' }],
    });
    expect(onServer()).toEqual(['liar']);
  });

  it('case 22: has a line of 3 MB in the middle: every message is stored under its own name', async () => {
    const octets = Buffer.concat([message({ subject: 'long' }), Buffer.alloc(3 << 20, 'x'), Buffer.from('\r\n')]);
    await serve([mail('a'), { uidl: 'long', octets }, { uidl: 'empty', octets: Buffer.alloc(0) }, mail('d')]);
    expect(await account.poll(DELETE)).toMatchObject({ downloaded: 4, deletedOnServer: 4 });
    const sizes = (await account.stored()).map(({ pop3, sizeBytes }) => [pop3?.uidl, sizeBytes]);
    const [a, d] = [mail('a'), mail('d')].map((one) => one.octets.length);
    expect(Object.fromEntries(sizes)).toEqual({ a, long: octets.length, empty: 0, d });
  });

  it('case 23: is refused in the middle of a window: it alone is missing, is named, and stays on the server', async () => {
    await serve(mails('a', 'b', 'c'), {
      answer: (line, { index }) => (index === 0 && line === 'RETR 2' ? '-ERR no\r\n' : undefined),
    });
    const keeper = account.keeper(DELETE);
    expect(await account.poll(keeper)).toMatchObject({
      downloaded: 2,
      deletedOnServer: 2,
      skipped: 1,
      skippedMessages: [{ number: 2, uidl: 'b', reason: 'REFUSED' }],
    });
    expect(onServer()).toEqual(['b']);
    expect(await account.poll(keeper)).toMatchObject({ downloaded: 1, skipped: 0, skippedMessages: [] });
  });

  it('is above the limit: it is named, and raising the limit fetches it', async () => {
    const large = { uidl: 'large', octets: messageWithAttachment(200_000, { subject: 'large' }) };
    await serve([mail('a'), large]);
    expect(await account.poll({ maxMessageBytes: 100_000 })).toMatchObject({
      downloaded: 1,
      skippedMessages: [{ number: 2, uidl: 'large', sizeBytes: large.octets.length, reason: 'TOO_LARGE' }],
    });
    expect(server.said('RETR')).toEqual(['RETR 1']);
    expect(await account.poll({ maxMessageBytes: 1_000_000 })).toMatchObject({ downloaded: 1, skippedMessages: [] });
    expect(await account.subjects()).toEqual(['a', 'large']);
  });

  it('names a hundred of those it skips, and counts all', async () => {
    await serve(Array.from({ length: 120 }, (_, i) => ({ ...mail(`m${i}`), listSize: 999_999 })));
    const { skipped, skippedMessages } = await account.poll({ maxMessageBytes: 1024 });
    expect([skipped, skippedMessages.length, skippedMessages[99]?.number]).toEqual([120, 100, 100]);
  });
});

describe('ids', () => {
  it('case 17: of every kind are told apart and stable, with two blanks before them', async () => {
    const ids = ['a/b', 'A/B', 'A/b', 'two words', 'x=1,y=2', 'u'.repeat(200), '\xe9', '\xc3\xa9'];
    await serve(
      ids.map((uidl, i) => mail(`m${i}`, uidl)),
      {
        // RFC 1939 has one blank; Maillennium sent two.
        answer: (line) =>
          line === 'UIDL' ? `+OK\r\n${ids.map((uidl, i) => `${i + 1}  ${uidl}\r\n`).join('')}.\r\n` : undefined,
      },
    );
    expect(await account.poll()).toMatchObject({ downloaded: ids.length });
    expect(await account.poll()).toMatchObject({ downloaded: 0, alreadyStored: ids.length });
    expect(server.said('RETR', 'TOP')).toEqual([]);
    expect((await account.ledger()).map(({ uidl }) => uidl).toSorted()).toEqual(ids.toSorted());
  });

  it('case 18: refused although announced: a temporary error, and nothing is read, deleted or forgotten', async () => {
    let refuses = false;
    await serve(mails('a'), { answer: (line) => (refuses && line === 'UIDL' ? '-ERR not now\r\n' : undefined) });
    await account.poll();
    refuses = true;
    await expect(account.poll(DELETE)).rejects.toMatchObject({ code: 'SERVER_REJECTED', retryable: true });
    expect(server.said('RETR', 'TOP', 'DELE', 'QUIT')).toEqual([]);
    expect(await account.ledger()).toMatchObject([{ state: 'STORED', onServer: true }]);
  });

  it('case 18: without CAPA both UIDL and TOP are tried', async () => {
    await serve(mails('a', 'b'), { capabilities: undefined });
    expect(await account.poll()).toMatchObject({ downloaded: 2, hasUidl: true });
    expect(await account.poll(DELETE)).toMatchObject({ downloaded: 0, deletedOnServer: 2 });
    expect(server.said('TOP', 'RETR')).toEqual(['TOP 1 0', 'TOP 2 0']);
  });

  it('case 18: without CAPA and without TOP, ids that were always listed have to do', async () => {
    await serve(mails('a'), {
      capabilities: undefined,
      answer: (line) => (line.startsWith('TOP') ? '-ERR what?\r\n' : undefined),
    });
    await account.poll();
    expect(await account.poll(DELETE)).toMatchObject({ downloaded: 0, deletedOnServer: 1 });
  });

  it('case 18: none at all: the result says so, and what it costs', async () => {
    await serve(
      ['a', 'b'].map((subject) => ({ octets: mail(subject).octets })),
      { capabilities: ['TOP'] },
    );
    expect(await account.poll()).toMatchObject({ hasUidl: false, warnings: [{ code: 'NO_UIDL' }] });
    expect(await account.poll()).toMatchObject({ downloaded: 0, alreadyStored: 2 });
  });
});

describe('other clients', () => {
  it('case 24: one deletes in the session and numbers shift: the right messages go, and what went stays here', async () => {
    await serve(mails('a', 'b', 'c'));
    await account.poll();
    server.mails = server.mails.filter(({ uidl }) => uidl !== 'a');
    await account.poll({ ...DELETE, afterDownload: 'DELETE_AFTER_DAYS', deleteAfterDays: 0 });
    expect(server.said('DELE')).toEqual(['DELE 1', 'DELE 2']);
    expect(onServer()).toEqual([]);
    expect(await account.subjects()).toEqual(['a', 'b', 'c']);
  });

  it('case 24: a message is expunged under our hands, and new mail comes in the session', async () => {
    await serve(mails('a', 'b', 'c'), {
      answer: (line, { index }) => {
        if (index !== 0 || line !== 'RETR 2') return undefined;
        server.mails = [...server.mails.filter(({ uidl }) => uidl !== 'b'), mail('d')];
        return '-ERR Message 2 expunged.\r\n';
      },
    });
    expect(await account.poll(DELETE)).toMatchObject({ downloaded: 2, deletedOnServer: 2, skipped: 1 });
    expect(onServer()).toEqual(['d']);
    expect(await account.poll(DELETE)).toMatchObject({ downloaded: 1, deletedOnServer: 1, skipped: 0 });
    expect(await account.subjects()).toEqual(['a', 'c', 'd']);
    expect((await account.ledger()).filter(({ state }) => state === 'FAILED')).toEqual([]);
  });
});

describe('case 25', () => {
  it('case 25: two workers: one wins, the other stores nothing, deletes nothing and leaves without QUIT', async () => {
    await serve(mails('a', 'b', 'c'), {
      answer: async (line, { index }) => {
        if (index !== 0 || line !== 'RETR 2') return undefined;
        // The lease passes on in mid-session, and the new owner does all there is to do.
        await select(store.dataSource, 'UPDATE account SET epoch = 1 WHERE id = $1', [account.id]);
        await account.keeper(DELETE).poll(1n, () => undefined, new AbortController().signal);
        return undefined;
      },
    });
    await expect(account.poll(DELETE)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(server.sessions[0]!.lines.filter((line) => /^(DELE|QUIT)/.test(line))).toEqual([]);
    expect(await account.subjects()).toEqual(['a', 'b', 'c']);
    expect(onServer()).toEqual([]);
  });

  it('case 25: a policy that changes ends the visit under way without QUIT and counts from the next one on', async () => {
    const changed = new AbortController();
    await serve(mails('a', 'b', 'c'), {
      answer: (line, { index }) => {
        if (index === 0 && line === 'RETR 3') changed.abort();
        return undefined;
      },
    });
    const old = account.keeper(DELETE).poll(0n, () => undefined, changed.signal);
    await expect(old).rejects.toMatchObject({ failure: 'aborted' });
    expect(server.said('DELE', 'QUIT')).toEqual([]);
    expect(await account.poll()).toMatchObject({ deletedOnServer: 0 });
    expect(onServer()).toEqual(['a', 'b', 'c']);
    expect(await account.poll(DELETE)).toMatchObject({ downloaded: 0, deletedOnServer: 3 });
    expect(await account.subjects()).toEqual(['a', 'b', 'c']);
  });

  it('case 25: what is purged here during a visit is neither fetched again nor left undeleted', async () => {
    await serve(mails('a', 'b'), {
      answer: async (line, { index }) => {
        if (index === 1 && line === 'RETR 2') await account.purge('a');
        return undefined;
      },
    });
    server.mails = mails('a');
    await account.poll();
    server.mails = mails('a', 'b');
    const policy = { deleteWhenExpunged: true };
    expect(await account.poll(policy)).toMatchObject({ downloaded: 1, alreadyStored: 1 });
    expect(await account.poll(policy)).toMatchObject({ downloaded: 0, deletedOnServer: 1 });
    expect(await account.poll(policy)).toMatchObject({ downloaded: 0 });
    expect(await account.subjects()).toEqual(['b']);
    expect(onServer()).toEqual(['b']);
  });

  it('case 25: a server that hides after QUIT what was fetched, and shows the rest bit by bit, loses nothing', async () => {
    const all = mails('a', 'b', 'c', 'd', 'e');
    await serve(all.slice(0, 2));
    const taken: number[] = [];
    for (let from = 0; from <= all.length; from += 2) {
      server.mails = all.slice(from, from + 2);
      taken.push((await account.poll()).downloaded);
    }
    expect(taken).toEqual([2, 2, 1]);
    server.mails = [];
    await account.poll();
    server.mails = all;
    expect(await account.poll()).toMatchObject({ downloaded: 0, alreadyStored: 5 });
    expect(await account.subjects()).toEqual(['a', 'b', 'c', 'd', 'e']);
  });
});

describe('what a server asks for', () => {
  it('UTF-8: a message that is refused without it is fetched in a second session (RFC 6856 section 2)', async () => {
    await serve(mails('a', 'b'), {
      capabilities: ['PIPELINING', 'UIDL', 'TOP', 'UTF8'],
      answer: (line, { lines }) =>
        line === 'RETR 2' && !lines.includes('UTF8') ? '-ERR [UTF8] needs UTF8\r\n' : undefined,
    });
    const keeper = account.keeper(DELETE);
    expect(await account.poll(keeper)).toMatchObject({ downloaded: 2, deletedOnServer: 2, skippedMessages: [] });
    expect(server.sessions.map(({ lines }) => lines.indexOf('UTF8') !== -1)).toEqual([false, true]);
    // Asked for after CAPA and before the sign-in.
    expect(server.sessions[1]!.lines.slice(0, 3)).toEqual(['CAPA', 'UTF8', 'USER ann']);
    expect(await account.subjects()).toEqual(['a', 'b']);
    await account.poll(keeper);
    expect(server.sessions).toHaveLength(3);
    expect(server.said('UTF8')).toEqual(['UTF8']);
  });

  it('UTF-8: a server that cannot do what it asks for is asked once', async () => {
    await serve(mails('a'), {
      capabilities: ['UIDL', 'UTF8'],
      answer: (line) => (/^(UTF8|RETR)/.test(line) ? '-ERR [UTF8] no\r\n' : undefined),
    });
    expect(await account.poll()).toMatchObject({ skippedMessages: [{ reason: 'REFUSED' }] });
    expect(server.sessions).toHaveLength(2);
  });

  const many = (): FakeMail[] => Array.from({ length: 520 }, (_, i) => mail(`m${i}`));

  it('deletions are made in slices, one session after the other', async () => {
    await serve(many());
    expect(await account.poll(DELETE)).toMatchObject({ downloaded: 520, deletedOnServer: 520 });
    expect(server.sessions).toHaveLength(2);
  });

  it('case 19: with LOGIN-DELAY the rest is left to the next visit, which comes no sooner than is wanted', async () => {
    await serve(many(), { capabilities: ['UIDL', 'TOP', 'PIPELINING', 'LOGIN-DELAY 900'] });
    const keeper = account.keeper(DELETE);
    expect(await account.poll(keeper)).toMatchObject({
      downloaded: 520,
      deletedOnServer: 500,
      pauseSeconds: 900,
      warnings: [{ code: 'POLLED_LESS_OFTEN' }],
    });
    const early = await account.poll(keeper).catch((error: unknown) => error);
    expect(early).toMatchObject({ code: 'RATE_LIMITED', retryable: true });
    const { retryAfterMs } = early as { retryAfterMs: number };
    expect(retryAfterMs).toBeGreaterThan(985_000);
    expect(retryAfterMs).toBeLessThanOrEqual(990_000);
    // A gateway that was started anew knows it too.
    const capabilities = keeper.capabilities!;
    const poll = { lastPollAt: new Date() };
    await expect(account.poll(account.keeper(DELETE, { capabilities, poll }))).rejects.toMatchObject({
      code: 'RATE_LIMITED',
    });
    expect(server.sessions).toHaveLength(1);
  });

  it.each(['[LOGIN-DELAY] too soon', '[IN-USE] still closing'])(
    'case 19: a second session that is refused with %s: what the first did is told, the rest is the next poll’s',
    async (words) => {
      await serve(many(), {
        answer: (line, { index }) => (index === 1 && line.startsWith('PASS') ? `-ERR ${words}\r\n` : undefined),
      });
      expect(await account.poll(DELETE)).toMatchObject({ downloaded: 520, deletedOnServer: 500 });
      expect(await account.poll(DELETE)).toMatchObject({ downloaded: 0, deletedOnServer: 20 });
    },
  );

  it('EXPIRE 0: the result warns that KEEP cannot be kept', async () => {
    await serve(mails('a'), { capabilities: ['UIDL', 'TOP', 'EXPIRE 0'] });
    expect(await account.poll()).toMatchObject({ warnings: [{ code: 'EXPIRES_BEFORE_POLICY' }] });
    expect(await account.poll(DELETE)).toMatchObject({ warnings: [] });
  });
});
