import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { readMboxrd, readTar } from '../factories/exports.js';
import { startDovecot, type Dovecot } from '../servers/dovecot.js';
import { runAs } from '../servers/run-as.js';
import { runDirectory } from '../servers/run-directory.js';
import { findUnprivilegedUser } from '../servers/unprivileged-user.js';
import { addAccount, imapInput, pop3Input, synchronised } from './accounts.js';
import { until, type GatewayClient } from './gateway-client.js';
import { TestGateway } from './test-gateway.js';

const run = promisify(execFile);
const manyMessages = 2_000;
const manyBytes = 40_000;

let dovecot: Dovecot;
let gateway: TestGateway;
let client: GatewayClient;
let imap: string;
let pop3: string;

const sha = (octets: Buffer | string): string => createHash('sha256').update(octets).digest('hex');
const at = (minute: number): Date => new Date(Date.UTC(2026, 0, 1, 0, minute));
const text = (subject: string, body: string): Buffer =>
  Buffer.from(
    `From: Ann <ann@example.org>\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@example.org>\r\n\r\n${body}`,
    'latin1',
  );
/** What formats of mailboxes and archives stumble over. */
const odd: readonly Buffer[] = [
  text('from', 'From me\r\n>From you\r\n>>From them\r\nFrom\r\n From the margin\r\n\r\nFrom \r\n'),
  text('open', 'the last line has no end\r\nFrom'),
  text('octets', `${Buffer.from(Array.from({ length: 245 }, (_, i) => i + 11)).toString('latin1')}\r\n\r\n\r\n`),
  text('bare', 'only a CR\rand\r\r\nFrom here\r\n'),
  Buffer.from('From a separator that somebody left\r\nSubject: headed\r\n\r\nx\r\n'),
  text('block', 'x'.repeat(512 - text('block', '').length)),
  text('large', `${randomBytes(3_750_000).toString('base64').replace(/.{76}/g, '$&\r\n')}\r\n`),
];
const nul = text('nul', 'a\0b\0\0\r\nFrom \0');

beforeAll(async () => {
  const users = { ann: 'secret-a', pop: 'secret-p', many: 'secret-m', back: 'secret-b', bad: 'secret-c' };
  dovecot = await startDovecot({ users });
  for (const [i, octets] of odd.entries()) await dovecot.deliver('ann', octets, { receivedAt: at(i) });
  for (let i = 0; i < manyMessages; i += 1) {
    await dovecot.deliver('many', text(`many-${i}`, `${'x'.repeat(manyBytes)}\r\n`), { receivedAt: at(i) });
  }
  for (let i = 0; i < 3; i += 1)
    await dovecot.deliver('bad', text(`bad-${i}`, `${'x'.repeat(600_000)}\r\n`), { receivedAt: at(i) });
  await dovecot.deliver('pop', odd[0]!);
  gateway = await TestGateway.start([dovecot]);
  client = gateway.client();
  imap = await addAccount(client, { imap: imapInput(dovecot, 'ann') });
  pop3 = await addAccount(client, { pop3: pop3Input(dovecot, 'pop') });
  await synchronised(client, imap);
  await synchronised(client, pop3);
}, 180_000);

afterAll(async () => {
  await gateway.stop();
  await dovecot.stop();
}, 60_000);

afterEach(() => void jest.restoreAllMocks());

interface Inbox {
  readonly id: string;
  readonly mbox: string;
  readonly eml: string;
  readonly maildir: string;
  readonly messages: { readonly nodes: readonly { readonly id: string; readonly subject: string | null }[] };
}

async function inboxOf(accountId: string): Promise<Inbox> {
  const { account } = await client.query<{ account: { mailboxes: (Inbox & { specialUse: string })[] } }>(
    `query ($id: ID!) { account(id: $id) { mailboxes { id specialUse mbox: exportUrl eml: exportUrl(format: EML)
      maildir: exportUrl(format: MAILDIR) messages(first: 100) { nodes { id subject } } } } }`,
    { id: accountId },
  );
  return account.mailboxes.find(({ specialUse }) => specialUse === 'INBOX')!;
}

async function download(url: string): Promise<Buffer> {
  const response = await fetch(url);
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
  return Buffer.from(await response.arrayBuffer());
}

async function open(url: string): Promise<IncomingMessage> {
  const asked = get(url);
  asked.on('error', () => undefined);
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  response.pause();
  return response;
}

async function rest(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** What is asked, when it changes no more. */
async function settled(ask: () => Promise<number>): Promise<number> {
  for (let last = -1; ;) {
    const value = await ask();
    if (value === last) return value;
    last = value;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

const IMPORT = `mutation ($input: ImportMessageInput!) {
  importMessage(input: $input) { message { id } errors { code message } } }`;

async function importInto(mailboxId: string, octets: Buffer, receivedAt: Date): Promise<void> {
  const input = { mailboxId, rawBase64: octets.toString('base64'), receivedAt: receivedAt.toISOString() };
  const { importMessage } = await client.query<{ importMessage: { errors: unknown[] } }>(IMPORT, { input });
  expect(importMessage.errors).toEqual([]);
}

/** Of each message in each format, in order. */
async function hashesOf({ mbox, eml, maildir }: Inbox) {
  const files = async (url: string, named: RegExp) =>
    readTar(await download(url))
      .filter(({ name }) => named.test(name))
      .map(({ octets }) => sha(octets));
  return {
    mbox: readMboxrd(await download(mbox)).map(sha),
    eml: await files(eml, /^2026-01-01T00-\d\d-00Z-msg_[0-9a-f]{32}\.eml$/),
    maildir: await files(maildir, /^cur\/\d{10}\.msg_[0-9a-f]{32}\.mailroom,S=\d+:2,[DFRSa-z]*$/),
  };
}
const allHashed = (octets: readonly Buffer[]) => {
  const hashes = octets.map(sha);
  return { mbox: hashes, eml: hashes, maildir: hashes };
};

describe('every message comes out exactly as it went in, oldest first', () => {
  it('of an IMAP account', async () => {
    expect(await hashesOf(await inboxOf(imap))).toEqual(allHashed(odd));
  }, 60_000);

  it('of a POP3 account', async () => {
    const inbox = await inboxOf(pop3);
    await client.query(
      'mutation ($ids: [ID!]!) { deleteMessages(input: { ids: $ids, permanently: true }) { deletedIds } }',
      {
        ids: inbox.messages.nodes.map(({ id }) => id),
      },
    );
    const all = [...odd, nul];
    for (const [i, octets] of all.entries()) await importInto(inbox.id, octets, at(i));
    expect(await hashesOf(inbox)).toEqual(allHashed(all));
  }, 60_000);
});

describe('an export as a maildir', () => {
  it('becomes a mailbox again by tar alone, with dates, flags and keywords', async () => {
    const { nodes } = (await inboxOf(imap)).messages;
    const ids = (subject: string): string[] => nodes.filter((node) => node.subject === subject).map(({ id }) => id);
    const UPDATE = 'mutation ($input: UpdateMessagesInput!) { updateMessages(input: $input) { failures { id } } }';
    const seen = { ids: ids('from'), seen: true, addKeywords: ['$Forwarded', 'Rechnung'] };
    await client.query(UPDATE, { input: seen });
    await client.query(UPDATE, {
      input: { ids: ids('open'), flagged: true, answered: true, addKeywords: ['Rechnung'] },
    });

    const owner = await findUnprivilegedUser();
    const dir = await mkdtemp(join(runDirectory(), 'export-'));
    await chmod(dir, 0o755);
    await writeFile(join(dir, 'a.tar'), await download((await inboxOf(imap)).maildir));
    const maildir = (await dovecot.doveadm('mailbox', 'path', '-u', 'back', 'INBOX')).trim();
    await runAs(owner, 'mkdir', ['-p', maildir]);
    await runAs(owner, 'tar', ['-xf', join(dir, 'a.tar'), '-C', maildir]);

    const back = await addAccount(client, { imap: imapInput(dovecot, 'back') });
    await synchronised(client, back);
    expect(readMboxrd(await download((await inboxOf(back)).mbox)).map(sha)).toEqual(odd.map(sha));
    const STATE = `query ($filter: MessageFilter) { messages(filter: $filter, first: 50, orderBy: { field: RECEIVED_AT, direction: ASC }) {
      nodes { subject receivedAt seen flagged answered draft keywords } } }`;
    const restored = await client.query(STATE, { filter: { accountIds: [back] } });
    expect(restored).toEqual(await client.query(STATE, { filter: { accountIds: [imap] } }));
    expect(restored).toMatchObject({
      messages: {
        nodes: expect.arrayContaining([
          expect.objectContaining({ subject: 'from', seen: true, keywords: ['$Forwarded', 'Rechnung'] }),
          expect.objectContaining({
            subject: 'open',
            seen: false,
            flagged: true,
            answered: true,
            keywords: ['Rechnung'],
          }),
        ]),
      },
    });
  }, 60_000);
});

describe('a link to an export', () => {
  it('is refused when it was changed, has expired, or is another mailbox’s', async () => {
    const { mbox, maildir } = await inboxOf(imap);
    const other = (await inboxOf(pop3)).mbox;
    const status = async (url: string): Promise<number> => (await fetch(url)).status;
    expect(await status(mbox.replace(/sig=.{4}/, 'sig=AAAA'))).toBe(403);
    expect(await status(mbox.replace(/exp=(\d+)/, (_, exp) => `exp=${Number(exp) + 1}`))).toBe(403);
    expect(await status(other.replace(/\?.*/, '') + new URL(mbox).search)).toBe(403);
    expect(await status(mbox.replace(/\?.*/, '') + new URL(maildir).search)).toBe(403);
    const later = Date.now() + 2 * 3_600_000;
    jest.spyOn(Date, 'now').mockImplementation(() => later);
    expect(await status(mbox)).toBe(403);
  });

  it('is not given for a mailbox of an account that the key may not read', async () => {
    const { createApiKey } = await client.query<{ createApiKey: { secret: string } }>(
      'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret } }',
      { input: { name: 'pop only', scopes: ['READ'], accountIds: [pop3] } },
    );
    const { data } = await gateway
      .client(createApiKey.secret)
      .request('query ($id: ID!) { mailbox(id: $id) { exportUrl } }', { id: (await inboxOf(imap)).id });
    expect(data).toEqual({ mailbox: null });
  });
});

describe('a mailbox of 2,000 messages', () => {
  let many: string;
  beforeAll(async () => {
    many = await addAccount(client, { imap: imapInput(dovecot, 'many') });
    await synchronised(client, many, 120_000);
  }, 130_000);

  it('is exported to a slow client without filling memory or holding a connection, whatever happens meanwhile', async () => {
    const { mbox, messages } = await inboxOf(many);
    const response = await open(mbox);
    const furthest = async (): Promise<number> => {
      const { account } = await client.query<{ account: { protocolLog: string[] } }>(
        'query ($id: ID!) { account(id: $id) { protocolLog(last: 1000) } }',
        { id: many },
      );
      const windows = account.protocolLog.flatMap((line) => /UID FETCH (\d+):(\d+) \(UID BODY/.exec(line) ?? []);
      return Math.max(...windows.map(Number).filter((uid) => !Number.isNaN(uid)));
    };
    // What the sockets hold for the two ends is a few megabytes; the rest has to wait.
    const standstill = await settled(furthest);
    expect(standstill).toBeGreaterThan(50);
    expect(standstill).toBeLessThan(manyMessages / 2);
    const raw = await client.query<{ message: { rawUrl: string } }>(
      'query ($id: ID!) { message(id: $id) { rawUrl } }',
      {
        id: messages.nodes[0]!.id,
      },
    );
    expect((await download(raw.message.rawUrl)).length).toBeGreaterThan(manyBytes);
    await dovecot.doveadm('expunge', '-u', 'many', 'mailbox', 'INBOX', 'uid', `${manyMessages - 1}:*`);
    await dovecot.deliver('many', text('arrived', 'x\r\n'), { receivedAt: at(-10) });
    const hashes = readMboxrd(await rest(response)).map(sha);
    const given = Array.from({ length: manyMessages - 2 }, (_, i) =>
      sha(text(`many-${i}`, `${'x'.repeat(manyBytes)}\r\n`)),
    );
    expect(hashes).toEqual(given);
    expect(await furthest()).toBeGreaterThanOrEqual(manyMessages - 2);
  }, 120_000);

  it('is exported twice at a time, and again when a client has left', async () => {
    const { mbox } = await inboxOf(many);
    const running = [await open(mbox), await open(mbox)];
    const third = await fetch(mbox);
    expect(third.status).toBe(429);
    expect(await third.json()).toMatchObject({ code: 'RATE_LIMITED' });
    for (const response of running) {
      response.on('error', () => undefined);
      response.destroy();
    }
    const status = async (): Promise<number> => (await fetch(mbox, { method: 'HEAD' })).status;
    expect(await until(status, (found) => found === 200)).toBe(200);
    await until(
      () => dovecot.sessions('many'),
      (sessions) => sessions.length <= 3,
    );
  }, 60_000);
});

describe('what cannot be exported whole', () => {
  it('breaks off where the server does not give a message', async () => {
    const bad = await addAccount(client, { imap: imapInput(dovecot, 'bad') });
    await synchronised(client, bad);
    const dir = (await dovecot.doveadm('mailbox', 'path', '-u', 'bad', 'INBOX')).trim();
    const files = (await readdir(join(dir, 'cur'))).sort();
    expect(files).toHaveLength(3);
    await chmod(join(dir, 'cur', files[1]!), 0);
    const { mbox } = await inboxOf(bad);
    await expect(download(mbox)).rejects.toThrow('terminated');
    await chmod(join(dir, 'cur', files[1]!), 0o644);
    expect(readMboxrd(await download(mbox))).toHaveLength(3);
  }, 60_000);

  it('is refused of a paused account whose mail is on the server, and given of one whose mail is here', async () => {
    const PAUSE = 'mutation ($id: ID!) { pauseAccount(accountId: $id) { errors { code } } }';
    const inboxes = [await inboxOf(imap), await inboxOf(pop3)] as const;
    for (const id of [imap, pop3]) await client.query(PAUSE, { id });
    const refused = await fetch(inboxes[0].mbox);
    expect(refused.status).toBe(409);
    expect(await refused.json()).toMatchObject({ code: 'CONFLICT' });
    expect(readMboxrd(await download(inboxes[1].mbox))).toHaveLength(odd.length + 1);
    await client.query('mutation ($id: ID!) { resumeAccount(accountId: $id) { errors { code } } }', { id: imap });
  });

  it('is refused while the server is away', async () => {
    await synchronised(client, imap);
    const { mbox } = await inboxOf(imap);
    await dovecot.stop();
    const answer = await fetch(mbox);
    expect(answer.status).toBe(502);
    expect(await answer.json()).toMatchObject({ code: 'CONNECTION_FAILED' });
  }, 60_000);
});

it('exports are read by the tar of the system', async () => {
  const dir = await mkdtemp(join(runDirectory(), 'tar-'));
  await writeFile(join(dir, 'a.tar'), await download((await inboxOf(pop3)).eml));
  const { stdout } = await run('tar', ['-tf', 'a.tar'], { cwd: dir });
  expect(stdout.trim().split('\n')).toHaveLength(odd.length + 1);
});
