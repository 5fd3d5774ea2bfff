import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { RemoteHint, ServerKeeper } from '../../src/mailbox/keeper.port.js';
import { NO_FLAGS } from '../../src/mailbox/model/message.js';
import { startDovecot, type Dovecot } from '../servers/dovecot.js';
import { connectionTo, mail, mailbox, MemoryMirror, openKeeper, signal, until } from './imap-account.js';

const MiB = 1024 * 1024;

/** Doubles what is in a mailbox. */
async function double(dovecot: Dovecot, path: string, times: number): Promise<void> {
  for (let i = 0; i < times; i += 1) {
    await dovecot.doveadm('copy', '-u', 'ann', path, 'mailbox', path, 'all');
  }
}

describe.each([
  ['QRESYNC', [], 10],
  ['CONDSTORE alone', ['QRESYNC'], 7],
  ['neither CONDSTORE nor QRESYNC', ['QRESYNC', 'CONDSTORE'], 7],
] as const)('a large mailbox on a server with %s', (_name, withoutCapabilities, doublings) => {
  const count = 10 * 2 ** doublings;
  let dovecot: Dovecot;
  let keeper: ServerKeeper;
  let mirror: MemoryMirror;

  beforeAll(async () => {
    dovecot = await startDovecot({ users: { ann: 'secret' }, withoutCapabilities });
    const receivedAt = new Date('2026-11-23T10:00:00Z');
    for (let i = 0; i < 10; i += 1) await dovecot.deliver('ann', mail(`m${i}`), { mailbox: 'Big', receivedAt });
    await double(dovecot, 'Big', doublings);
    keeper = openKeeper(connectionTo(dovecot, 'ann'));
    mirror = new MemoryMirror(keeper, 'Big');
  }, 60_000);
  afterAll(async () => {
    await keeper.close();
    await dovecot.stop();
  });

  it('IMAP case 11: shows its newest page first, then the rest in bounded pieces, with progress', async () => {
    await mirror.sync();
    const [first, ...rest] = mirror.batches;
    expect(first!.messages).toHaveLength(100);
    expect(Math.max(...first!.messages.map(({ uid }) => uid))).toBe(count);
    expect(mirror.batches.map(({ messagesTotal }) => messagesTotal)).toEqual(mirror.batches.map(() => count));
    expect(rest.length).toBeGreaterThan(0);
    expect(Math.max(...rest.map(({ messages }) => messages.length))).toBeLessThanOrEqual(2_000);
    const lowest = mirror.batches.map(({ checkpoint }) => checkpoint.lowestUid);
    expect(lowest).toEqual(lowest.toSorted((a, b) => b - a));
    expect(lowest.at(-1)).toBe(1);
  }, 60_000);

  it('IMAP case 25: thousands of messages of the same INTERNALDATE are each there once', () => {
    expect(mirror.batches.flatMap(({ messages }) => messages)).toHaveLength(count);
    expect(mirror.messages.size).toBe(count);
    const dates = new Set([...mirror.messages.values()].map(({ data }) => data.internalDate.toISOString()));
    expect([...dates]).toEqual(['2026-11-23T10:00:00.000Z']);
  });

  it('IMAP case 5: an expunge of the first of all takes it away, and reads no message again', async () => {
    await dovecot.doveadm('expunge', '-u', 'ann', 'mailbox', 'Big', 'uid', '1');
    mirror.batches.length = 0;
    await mirror.sync();
    expect(mirror.batches.flatMap(({ vanished }) => vanished)).toEqual([1]);
    expect(mirror.batches.flatMap(({ messages }) => messages)).toEqual([]);
    expect(mirror.messages.size).toBe(count - 1);
  }, 30_000);
});

describe('rights and quota on an IMAP server', () => {
  let dovecot: Dovecot;
  let keeper: ServerKeeper;
  let dir: string;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'mailroom-acl-'));
    // Dovecot reads it as another user.
    await chmod(dir, 0o755);
    await writeFile(join(dir, 'acl'), 'Notices owner lr\n', { mode: 0o644 });
    // Settings are written as lines: this one brings a block with it.
    const plugin = `plugin {\n  acl = vfile:${dir}/acl\n  quota = maildir:User quota\n  quota_rule = *:storage=40M\n}`;
    const settings = { mail_plugins: 'acl quota', mail_debug: `no\n${plugin}` };
    dovecot = await startDovecot({ users: { ann: 'secret' }, settings });
    await dovecot.deliver('ann', mail('first'));
    keeper = openKeeper(connectionTo(dovecot, 'ann'));
  }, 30_000);
  afterAll(async () => {
    await keeper.close();
    await dovecot.stop();
    await rm(dir, { recursive: true });
  });

  it('IMAP case 14: a mailbox that may only be read refuses flags, moves and deletions, and stays as it was', async () => {
    await dovecot.deliver('ann', mail('notice'), { mailbox: 'Notices' });
    const mirror = new MemoryMirror(keeper, 'Notices');
    await mirror.sync();
    const [notices, message] = [mailbox('Notices'), mirror.message('notice')];
    const refused = { code: 'SERVER_REJECTED', retryable: false };
    await expect(keeper.setFlags(notices, [message], { seen: true }, signal())).rejects.toMatchObject(refused);
    await expect(keeper.move(notices, [message], mailbox('Trash'), signal())).rejects.toMatchObject(refused);
    await expect(keeper.expunge(notices, [message], signal())).rejects.toMatchObject(refused);
    await mirror.sync({ full: true });
    expect(mirror.message('notice').flags).toEqual(NO_FLAGS);
    expect((await dovecot.listMessages('ann', 'Notices')).map(({ flags }) => flags)).toEqual([[]]);
  });

  it('IMAP case 20: an upload of 30 MB succeeds, and is refused where it goes beyond the quota', async () => {
    const octets = Buffer.from(mail('large', `${'x'.repeat(70)}\r\n`.repeat(Math.ceil((30 * MiB) / 72))));
    const append = () =>
      keeper.append(mailbox('Sent'), { octets, sizeBytes: octets.length, flags: NO_FLAGS }, signal(60_000));
    expect(await append()).toMatchObject({ uid: 1 });
    await expect(append()).rejects.toMatchObject({ code: 'QUOTA_EXCEEDED', retryable: false });
    const sent = await dovecot.listMessages('ann', 'Sent');
    expect(sent.map(({ sizeBytes }) => sizeBytes)).toEqual([octets.length]);
    const mirror = new MemoryMirror(keeper, 'Sent');
    await mirror.sync();
    expect(mirror.subjects()).toEqual(['large']);
  }, 60_000);
});

describe('odd times and addresses on an IMAP server', () => {
  let dovecot: Dovecot;
  let keeper: ServerKeeper;
  beforeAll(async () => {
    dovecot = await startDovecot({ users: { ann: 'secret' } });
    await dovecot.deliver('ann', mail('first'));
    keeper = openKeeper(connectionTo(dovecot, 'ann'));
  }, 30_000);
  afterEach(() => void jest.restoreAllMocks());
  afterAll(async () => {
    await keeper.close();
    await dovecot.stop();
  });

  it('IMAP case 16: a message to 20,000 addresses is listed, cut, and does not stop what comes behind it', async () => {
    const to = Array.from({ length: 20_000 }, (_, i) => `Somebody ${i} <a${i}@example.org>`).join(',\r\n ');
    await dovecot.deliver('ann', `Subject: to all\r\nTo: ${to}\r\n\r\nHello\r\n`, { mailbox: 'Lists' });
    await dovecot.deliver('ann', mail('behind'), { mailbox: 'Lists' });
    const mirror = new MemoryMirror(keeper, 'Lists');
    await mirror.sync();
    expect(mirror.subjects()).toEqual(['to all', 'behind']);
    const { envelope, parseWarnings } = mirror.message('to all');
    expect(envelope.to).toHaveLength(1_000);
    expect(parseWarnings).toEqual(['more than 1000 addresses in a field']);
  }, 30_000);

  it('IMAP case 25: an INTERNALDATE in the future is what it is, and later news is news', async () => {
    const receivedAt = new Date('2090-01-02T03:04:05Z');
    await dovecot.deliver('ann', mail('from the future'), { mailbox: 'Times', receivedAt });
    const mirror = new MemoryMirror(keeper, 'Times');
    await mirror.sync();
    expect(mirror.message('from the future').internalDate).toEqual(receivedAt);
    await dovecot.deliver('ann', mail('of today'), { mailbox: 'Times' });
    await mirror.sync();
    expect(mirror.subjects()).toEqual(['from the future', 'of today']);
  });

  it('IMAP case 25: a clock that jumps by years, either way, stops neither watching nor reading', async () => {
    const mirror = new MemoryMirror(keeper);
    await mirror.sync();
    const hints: RemoteHint[] = [];
    const stop = new AbortController();
    let ready = false;
    const watching = keeper.watch(
      (hint) => void hints.push(hint),
      () => (ready = true),
      stop.signal,
    );
    await until(() => ready);
    const years = 365 * 24 * 3_600_000;
    for (const [subject, jumpMs] of [
      ['ahead', 3 * years],
      ['back', -3 * years],
    ] as const) {
      const now = Date.now() + jumpMs;
      jest.spyOn(Date, 'now').mockImplementation(() => now);
      hints.length = 0;
      await dovecot.deliver('ann', mail(subject), { receivedAt: new Date('2026-11-23T10:00:00Z') });
      await until(() => hints.some((hint) => hint.kind === 'mailbox' && hint.path === 'INBOX'), `hint of ${subject}`);
      await mirror.sync();
      expect(mirror.subjects()).toContain(subject);
    }
    stop.abort();
    await watching;
  }, 30_000);
});
