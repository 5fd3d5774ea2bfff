import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { ServerKeeper } from '../../src/mailbox/keeper.port.js';
import { uid } from '../../src/mailbox/model/ids.js';
import { startDovecot, type Dovecot } from '../servers/dovecot.js';
import { connectionTo, mail, MemoryMirror, openKeeper, signal, until } from './imap-account.js';

/** What Dovecot announces is cut down, so that each strategy is seen at work. */
const servers = {
  QRESYNC: [],
  CONDSTORE: ['QRESYNC'],
  'no CONDSTORE': ['QRESYNC', 'CONDSTORE'],
  'no extension at all': [
    'QRESYNC',
    'CONDSTORE',
    'ESEARCH',
    'LIST-STATUS',
    'LIST-EXTENDED',
    'SPECIAL-USE',
    'UIDPLUS',
    'MOVE',
    'ENABLE',
    'LITERAL+',
  ],
};

describe.each(Object.entries(servers))('an IMAP server with %s', (_name, withoutCapabilities) => {
  let dovecot: Dovecot;
  let keeper: ServerKeeper;
  let user: string;
  let users = 0;

  beforeAll(async () => {
    dovecot = await startDovecot({ withoutCapabilities });
  }, 30_000);
  afterAll(() => dovecot.stop());

  const freshUser = async (): Promise<void> => {
    users += 1;
    user = `user${users}`;
    await dovecot.addUser(user, 'secret');
    keeper = openKeeper(connectionTo(dovecot, user));
  };
  afterEach(() => keeper.close());

  it('lists mailboxes with their uses', async () => {
    await freshUser();
    const listed = await keeper.listMailboxes(signal());
    expect(listed.map(({ path, specialUse, selectable }) => [path, specialUse, selectable])).toEqual(
      expect.arrayContaining([
        ['INBOX', 'INBOX', true],
        ['Sent', 'SENT', true],
        ['Trash', 'TRASH', true],
      ]),
    );
    expect(keeper.capabilities).toMatchObject({ sharedState: true, keywords: true });
  });

  it('IMAP case 4: reads a mailbox newest first, then what arrives, changes and goes', async () => {
    await freshUser();
    for (let i = 1; i <= 350; i += 1) await dovecot.deliver(user, mail(`m${i}`));
    const mirror = new MemoryMirror(keeper);
    await mirror.sync();
    expect(mirror.subjects()).toEqual(Array.from({ length: 350 }, (_, i) => `m${i + 1}`));
    expect(mirror.batches[0]).toMatchObject({ messagesTotal: 350, checkpoint: { lowestUid: 251, nextUid: 351 } });
    expect(mirror.checkpoint).toMatchObject({ lowestUid: 1, nextUid: 351 });

    await dovecot.deliver(user, mail('new'));
    await mirror.sync();
    expect(mirror.subjects().at(-1)).toBe('new');

    await dovecot.doveadm('flags', 'add', '-u', user, '\\Seen $Forwarded', 'mailbox', 'INBOX', 'uid', '5,200');
    await dovecot.doveadm('expunge', '-u', user, 'mailbox', 'INBOX', 'uid', '1,100:109');
    await mirror.sync();
    await mirror.sync();
    expect(mirror.messages.size).toBe(340);
    expect(mirror.subjects().slice(0, 2)).toEqual(['m2', 'm3']);
    expect(mirror.message('m5').flags).toMatchObject({ seen: true, keywords: ['$Forwarded'] });
    expect(mirror.message('m200').flags.seen).toBe(true);
    expect(mirror.message('m6').flags.seen).toBe(false);
  });

  it('finds what has gone below a watermark that had moved past it', async () => {
    await freshUser();
    for (const name of ['a', 'b', 'c']) await dovecot.deliver(user, mail(name));
    const mirror = new MemoryMirror(keeper);
    await mirror.sync();
    await mirror.sync();
    await dovecot.doveadm('expunge', '-u', user, 'mailbox', 'INBOX', 'uid', '2');
    // Servers hold back what has gone while others still see it, and tell newer watermarks meanwhile.
    const other = openKeeper(connectionTo(dovecot, user));
    const newest = new MemoryMirror(other);
    await newest.sync();
    await other.close();
    mirror.checkpoint = { ...mirror.checkpoint!, highestModSeq: newest.checkpoint!.highestModSeq };
    await mirror.sync();
    expect(mirror.subjects()).toEqual(['a', 'c']);
  });

  it('finds that a message is gone which a command had put above the watermark', async () => {
    await freshUser();
    for (const subject of ['m1', 'm2']) await dovecot.deliver(user, mail(subject));
    const mirror = new MemoryMirror(keeper);
    await mirror.sync();
    await mirror.sync();
    // As after a move to here, whose answer told the UID, before others expunged it again.
    const [m2] = [...mirror.messages.values()].slice(-1);
    mirror.messages.set(uid(3), m2!);
    await dovecot.deliver(user, mail('m3'));
    await dovecot.doveadm('expunge', '-u', user, 'mailbox', 'INBOX', 'uid', '3');
    await mirror.sync();
    expect(mirror.subjects()).toEqual(['m1', 'm2']);
  });

  it('takes nothing for gone that a command has put above the watermark meanwhile', async () => {
    await freshUser();
    await dovecot.deliver(user, mail('m1'));
    const mirror = new MemoryMirror(keeper);
    await mirror.sync();
    const interrupt = async (): Promise<boolean> => {
      if (mirror.messages.size === 1) await dovecot.deliver(user, mail('m2'));
      mirror.messages.set(uid(2), mirror.messages.get(uid(1))!);
      return false;
    };
    await mirror.sync({ full: true, interrupt });
    expect([...mirror.messages.keys()]).toEqual([1, 2]);
  });

  it('IMAP case 11: resumes a first synchronisation where it was interrupted, news first', async () => {
    await freshUser();
    for (let i = 1; i <= 700; i += 1) await dovecot.deliver(user, mail(`m${i}`));
    const mirror = new MemoryMirror(keeper);
    let batches = 0;
    await mirror.sync({ interrupt: () => (batches += 1) === 2 });
    expect(mirror.checkpoint!.lowestUid).toBeGreaterThan(1);
    await dovecot.deliver(user, mail('news'));
    const before = mirror.batches.length;
    await mirror.sync();
    expect(mirror.batches[before]!.messages.map(({ data }) => data.envelope.subject)).toEqual(['news']);
    expect(mirror.messages.size).toBe(701);
    expect(mirror.checkpoint).toMatchObject({ lowestUid: 1, nextUid: 702 });
  });

  it('compares everything when asked to', async () => {
    await freshUser();
    for (let i = 1; i <= 20; i += 1) await dovecot.deliver(user, mail(`m${i}`));
    const mirror = new MemoryMirror(keeper);
    await mirror.sync();
    const [first, second] = [...mirror.messages.keys()];
    mirror.messages.delete(first!);
    mirror.messages.get(second!)!.flags = { ...mirror.messages.get(second!)!.flags, flagged: true };
    await mirror.sync({ full: true });
    expect(mirror.subjects()).toHaveLength(20);
    expect(mirror.messages.get(second!)!.flags.flagged).toBe(false);
  });

  it('IMAP case 6: starts anew when UIDVALIDITY has changed', async () => {
    await freshUser();
    await dovecot.doveadm('mailbox', 'create', '-u', user, 'Box');
    await dovecot.deliver(user, mail('old'), { mailbox: 'Box' });
    const mirror = new MemoryMirror(keeper, 'Box');
    await mirror.sync();
    const { uidValidity } = mirror.checkpoint!;
    await keeper.close();
    await dovecot.doveadm('mailbox', 'update', '-u', user, '--uid-validity', String(uidValidity + 7n), 'Box');
    await dovecot.deliver(user, mail('later'), { mailbox: 'Box' });
    keeper = openKeeper(connectionTo(dovecot, user));
    const after = new MemoryMirror(keeper, 'Box');
    after.checkpoint = mirror.checkpoint;
    await after.sync();
    expect(after.batches[0]).toMatchObject({ reset: true, checkpoint: { uidValidity: uidValidity + 7n } });
    expect(after.subjects()).toEqual(['old', 'later']);
  });

  it('says within a second what it hears, of INBOX at once', async () => {
    await freshUser();
    const stop = new AbortController();
    const hints: string[] = [];
    let ready = false;
    const watching = keeper.watch(
      (hint) => hints.push(hint.kind === 'mailbox' ? hint.path : hint.kind),
      () => (ready = true),
      stop.signal,
    );
    await until(() => ready, 'readiness');
    await dovecot.deliver(user, mail('one'));
    await until(() => hints.includes('INBOX'), 'hint');
    const mirror = new MemoryMirror(keeper);
    await mirror.sync();
    expect(mirror.subjects()).toEqual(['one']);
    stop.abort();
    await watching;
  });
});
