import { afterEach, describe, expect, it } from '@jest/globals';
import type { ServerKeeper } from '../../src/mailbox/keeper.port.js';
import { until } from '../e2e/gateway-client.js';
import { startDovecot, type Dovecot, type DovecotOptions } from '../servers/dovecot.js';
import { connectionTo, mail, mailbox, MemoryMirror, openKeeper, signal } from './imap-account.js';

describe('connections for commands', () => {
  let dovecot: Dovecot;
  let keeper: ServerKeeper;

  const start = async (options: DovecotOptions = {}): Promise<void> => {
    dovecot = await startDovecot({ users: { ann: 'secret' }, ...options });
    keeper = openKeeper(connectionTo(dovecot, 'ann'));
  };
  afterEach(async () => {
    await keeper.close();
    await dovecot.stop();
  });

  const logins = async (): Promise<number> => (await dovecot.logTail(10_000)).split(': Login: user=<ann>').length - 1;

  it('are two at most, however many ask at once, and are used again', async () => {
    await start();
    const boxes = ['INBOX', 'Sent', 'Trash'];
    for (const path of boxes) await dovecot.deliver('ann', mail(`in ${path}`), { mailbox: path });
    const mirrors = boxes.map((path) => new MemoryMirror(keeper, path));
    await Promise.all(mirrors.map((mirror) => mirror.sync()));
    const asked = Array.from({ length: 60 }, (_, i) => {
      const mirror = mirrors[i % 3]!;
      return keeper.fetchHeader(mailbox(mirror.path), mirror.message(`in ${mirror.path}`), signal());
    });
    const headers = (await Promise.all(asked)).map((header) => header.toString());
    expect(headers.filter((header, i) => header.includes(`Subject: in ${boxes[i % 3]}\r\n`))).toHaveLength(60);
    expect(await logins()).toBe(2);
  });

  it('are opened again after the server was away, without anything being lost', async () => {
    await start();
    await dovecot.deliver('ann', mail('before'));
    const mirror = new MemoryMirror(keeper);
    await mirror.sync();
    await dovecot.kick('ann');
    await dovecot.down();
    await expect(mirror.sync()).rejects.toMatchObject({ code: 'CONNECTION_FAILED', retryable: true });
    await dovecot.up();
    await dovecot.deliver('ann', mail('after'));
    await mirror.sync();
    expect(mirror.subjects()).toEqual(['before', 'after']);
  }, 20_000);

  it('make do with what the server allows', async () => {
    await start({ settings: { mail_max_userip_connections: '1' } });
    for (let i = 1; i <= 150; i += 1) await dovecot.deliver('ann', mail(`m${i}`));
    const mirror = new MemoryMirror(keeper);
    let listed: Promise<unknown> | undefined;
    await mirror.sync({ interrupt: () => ((listed ??= keeper.listMailboxes(signal())), false) });
    expect(await listed).toHaveLength(6);
    expect(mirror.messages.size).toBe(150);
  });

  it('IMAP case 7: ask again what a mailbox is after it was deleted and made anew by somebody else', async () => {
    await start();
    await dovecot.doveadm('mailbox', 'create', '-u', 'ann', 'Box');
    await dovecot.deliver('ann', mail('old'), { mailbox: 'Box' });
    const mirror = new MemoryMirror(keeper, 'Box');
    await mirror.sync();
    const { uidValidity } = mirror.checkpoint!;
    await dovecot.doveadm('mailbox', 'delete', '-u', 'ann', 'Box');
    await dovecot.doveadm('mailbox', 'create', '-u', 'ann', 'Box');
    await dovecot.deliver('ann', mail('new'), { mailbox: 'Box' });
    await mirror.sync();
    expect(mirror.checkpoint!.uidValidity).not.toBe(uidValidity);
    expect(mirror.subjects()).toEqual(['new']);
  });

  it.each([
    ['with LIST-STATUS', undefined],
    ['without it', ['LIST-STATUS', 'LIST-EXTENDED']],
  ])('say how the mailbox stands that they have selected: %s', async (_how, withoutCapabilities) => {
    await start({ ...(withoutCapabilities && { withoutCapabilities }) });
    await dovecot.deliver('ann', mail('one'));
    await dovecot.deliver('ann', mail('two'));
    const mirror = new MemoryMirror(keeper);
    await mirror.sync();
    await dovecot.doveadm('expunge', '-u', 'ann', 'mailbox', 'INBOX', 'all');
    const listed = await keeper.listMailboxes(signal(), () => true);
    const status = listed.find(({ path }) => path === 'INBOX')?.status;
    expect(status).toMatchObject({ messages: 0, uidNext: 3 });
    expect(status?.highestModSeq).not.toBe(mirror.checkpoint?.highestModSeq);
  });

  it('are given up soon after a look that was the first, and kept after a command and after news', async () => {
    await start({ users: { ann: 'secret', bob: 'secret', carl: 'secret' } });
    const others = ['bob', 'carl'].map((user) => openKeeper(connectionTo(dovecot, user)));
    try {
      const mirrors = [keeper, ...others].map((each) => new MemoryMirror(each));
      for (const user of ['ann', 'bob', 'carl']) await dovecot.deliver(user, mail('first'));
      const [, bobs, carls] = mirrors;
      await bobs!.sync();
      await dovecot.deliver('bob', mail('news'));
      await bobs!.sync();
      await carls!.sync();
      await others[1]!.fetchHeader(mailbox('INBOX'), carls!.message('first'), signal());
      await mirrors[0]!.sync();
      const open = async (user: string): Promise<number> => (await dovecot.sessions(user)).length;
      expect(await open('ann')).toBe(1);
      await until(
        () => open('ann'),
        (count) => count === 0,
        10_000,
      );
      expect([await open('bob'), await open('carl')]).toEqual([1, 1]);
    } finally {
      await Promise.all(others.map((each) => each.close()));
    }
  }, 20_000);

  it('are closed with the account, those in use too', async () => {
    await start();
    for (let i = 1; i <= 150; i += 1) await dovecot.deliver('ann', mail(`m${i}`));
    const mirror = new MemoryMirror(keeper);
    let closing: Promise<void> | undefined;
    const syncing = mirror.sync({ interrupt: () => ((closing ??= keeper.close()), false) });
    await expect(syncing).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
    await closing;
    await expect(keeper.listMailboxes(signal())).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
  });
});
