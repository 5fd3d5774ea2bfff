import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Outcome, ServerKeeper } from '../../src/mailbox/keeper.port.js';
import { NO_FLAGS } from '../../src/mailbox/model/message.js';
import { startDovecot, type Dovecot } from '../servers/dovecot.js';
import { connectionTo, mail, mailbox, MemoryMirror, openKeeper, signal } from './imap-account.js';

const servers = {
  'MOVE and UIDPLUS': [],
  'UIDPLUS alone': ['MOVE'],
  neither: ['MOVE', 'UIDPLUS'],
};

const errorOf = <T>(outcome: Outcome<T> | undefined): unknown => (outcome && !outcome.ok ? outcome.error : undefined);

describe.each(Object.entries(servers))('commands on an IMAP server with %s', (name, withoutCapabilities) => {
  let dovecot: Dovecot;
  let keeper: ServerKeeper;
  let mirror: MemoryMirror;
  let user: string;
  let users = 0;

  beforeAll(async () => {
    dovecot = await startDovecot({ withoutCapabilities });
  }, 30_000);
  afterAll(() => dovecot.stop());
  beforeEach(async () => {
    users += 1;
    user = `user${users}`;
    await dovecot.addUser(user, 'secret');
    for (const subject of ['a', 'b', 'c', 'd']) await dovecot.deliver(user, mail(subject));
    keeper = openKeeper(connectionTo(dovecot, user));
    mirror = new MemoryMirror(keeper);
    await mirror.sync();
  });
  afterEach(() => keeper.close());

  const onServer = async (path = 'INBOX'): Promise<string[]> =>
    (await dovecot.listMessages(user, path)).map(({ messageId }) => messageId.replace(/<(.*)@.*/, '$1'));

  it('sets and clears flags and keywords, and tells what the server has', async () => {
    const inbox = mailbox('INBOX');
    const messages = [mirror.message('a'), mirror.message('c')];
    const change = { seen: true, flagged: true, addKeywords: ['$Work'] };
    const set = await keeper.setFlags(inbox, messages, change, signal());
    expect(set.map((one) => one.ok && one.value.flags)).toEqual([
      { ...NO_FLAGS, seen: true, flagged: true, keywords: ['$Work'] },
      { ...NO_FLAGS, seen: true, flagged: true, keywords: ['$Work'] },
    ]);
    const [cleared] = await keeper.setFlags(
      inbox,
      [messages[0]!],
      { seen: false, removeKeywords: ['$Work'] },
      signal(),
    );
    expect(cleared).toMatchObject({ ok: true, value: { flags: { seen: false, flagged: true, keywords: [] } } });
    const flags = (await dovecot.listMessages(user)).map((one) => one.flags.filter((flag) => flag !== '\\Recent'));
    expect(flags[0]).toEqual(['\\Flagged']);
    expect(flags[2]).toEqual(expect.arrayContaining(['\\Seen', '\\Flagged', '$Work']));
  });

  it('answers for each message by itself', async () => {
    const [kept, expunged] = [mirror.message('a'), mirror.message('b')];
    const renumbered = { ...mirror.message('c'), remote: { uid: kept.remote!.uid, uidValidity: 1n as never } };
    await dovecot.doveadm('expunge', '-u', user, 'mailbox', 'INBOX', 'uid', String(expunged.remote!.uid));
    const outcomes = await keeper.setFlags(mailbox('INBOX'), [kept, expunged, renumbered], { seen: true }, signal());
    const of = (id: string) => outcomes.find(({ messageId }) => messageId === id);
    expect(of(kept.id)?.ok).toBe(true);
    expect(errorOf(of(expunged.id))).toMatchObject({ code: 'NOT_FOUND' });
    expect(errorOf(of(renumbered.id))).toMatchObject({ code: 'CONFLICT' });
  });

  it('moves', async () => {
    const moved = await keeper.move(
      mailbox('INBOX'),
      [mirror.message('a'), mirror.message('b')],
      mailbox('Archive'),
      signal(),
    );
    expect(moved.map(({ ok }) => ok)).toEqual([true, true]);
    expect(await onServer()).toEqual(['c', 'd']);
    expect(await onServer('Archive')).toEqual(['a', 'b']);
    const archive = new MemoryMirror(keeper, 'Archive');
    await archive.sync();
    const expected = name === 'neither' ? undefined : archive.message('b').remote;
    expect(moved[1]).toMatchObject({ ok: true, value: expected });
  });

  it('IMAP case 19: moves a thousand, each told where it went as far as the server tells', async () => {
    await dovecot.doveadm('mailbox', 'create', '-u', user, 'Many');
    await dovecot.doveadm('copy', '-u', user, 'Many', 'mailbox', 'INBOX', 'all');
    for (let i = 0; i < 8; i += 1) await dovecot.doveadm('copy', '-u', user, 'Many', 'mailbox', 'Many', 'all');
    const many = new MemoryMirror(keeper, 'Many');
    await many.sync();
    const template = many.message('a');
    const messages = [...many.messages.keys()].map((uid) => ({
      ...template,
      id: String(uid) as typeof template.id,
      remote: { ...template.remote!, uid },
    }));
    expect(messages).toHaveLength(1_024);
    const oldest = messages.toSorted((one, other) => one.remote.uid - other.remote.uid).slice(0, 1_000);
    const outcomes = await keeper.move(mailbox('Many'), oldest, mailbox('Archive'), signal());
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1_000);
    const told = new Set(outcomes.map((one) => one.ok && one.value?.uid));
    expect(told.size).toBe(name === 'neither' ? 1 : 1_000);
    expect(await onServer('Many')).toHaveLength(24);
    expect(await onServer('Archive')).toHaveLength(1_000);
  }, 30_000);

  it('copies', async () => {
    const copied = await keeper.copy(mailbox('INBOX'), [mirror.message('d')], mailbox('Archive'), signal());
    expect(copied[0]?.ok).toBe(true);
    expect(await onServer()).toEqual(['a', 'b', 'c', 'd']);
    expect(await onServer('Archive')).toEqual(['d']);
  });

  it('expunges what it was told and never what somebody else marked', async () => {
    await dovecot.doveadm(
      'flags',
      'add',
      '-u',
      user,
      '\\Deleted',
      'mailbox',
      'INBOX',
      'uid',
      String(mirror.message('c').remote!.uid),
    );
    const expunge = async (): Promise<unknown> => {
      const outcomes = await keeper.expunge(mailbox('INBOX'), [mirror.message('a')], signal());
      return outcomes.every(({ ok }) => ok) ? 'done' : outcomes;
    };
    const first = await expunge().catch((error: { code: string }) => error.code);
    // Without UIDPLUS only a bare EXPUNGE is left, and that would take c along.
    expect(first).toEqual(name === 'neither' ? 'UNSUPPORTED' : 'done');
    expect(await onServer()).toEqual(name === 'neither' ? ['a', 'b', 'c', 'd'] : ['b', 'c', 'd']);
    await dovecot.doveadm('flags', 'remove', '-u', user, '\\Deleted', 'mailbox', 'INBOX', 'all');
    expect(await expunge()).toBe('done');
    expect(await onServer()).toEqual(['b', 'c', 'd']);
  });

  it('refuses nothing half: a target that does not exist leaves all where it was', async () => {
    const [outcome] = await keeper.move(mailbox('INBOX'), [mirror.message('a')], mailbox('Nowhere'), signal());
    expect(errorOf(outcome)).toMatchObject({ code: 'NOT_FOUND' });
    expect(await onServer()).toEqual(['a', 'b', 'c', 'd']);
  });

  it('appends with flags and date', async () => {
    const octets = Buffer.from(mail('imported'));
    const internalDate = new Date('2020-02-29T12:34:56Z');
    const flags = { ...NO_FLAGS, seen: true, keywords: ['$Old'] };
    const ref = await keeper.append(
      mailbox('Archive'),
      { octets, sizeBytes: octets.length, flags, internalDate },
      signal(),
    );
    const archive = new MemoryMirror(keeper, 'Archive');
    await archive.sync();
    const message = archive.message('imported');
    expect(message).toMatchObject({ flags: { seen: true, keywords: ['$Old'] }, internalDate });
    // Dovecot says APPENDUID whether it announces UIDPLUS or not.
    expect(ref).toEqual(message.remote);
  });
});

describe('mailboxes on an IMAP server', () => {
  let dovecot: Dovecot;
  let keeper: ServerKeeper;
  beforeAll(async () => {
    dovecot = await startDovecot({ users: { ann: 'secret' }, settings: {} });
    keeper = openKeeper(connectionTo(dovecot, 'ann'));
  }, 30_000);
  afterAll(async () => {
    await keeper.close();
    await dovecot.stop();
  });

  const paths = async (): Promise<string[]> => (await keeper.listMailboxes(signal())).map(({ path }) => path);

  it.each([
    'Ärger & Co',
    'emoji 📬',
    'quote "this"',
    'per%cent*star',
    'back\\slash',
    '%',
    '*',
    '&-',
    'trailing ',
    'a-b0c/d-0',
    Array.from({ length: 40 }, (_, i) => i % 10).join('/'),
  ])('IMAP case 12: creates, renames, subscribes and deletes %s', async (path) => {
    await keeper.createMailbox(path, signal());
    expect(await paths()).toContain(path);
    await expect(keeper.createMailbox(path, signal())).rejects.toMatchObject({ code: 'CONFLICT' });
    await keeper.setSubscribed(path, false, signal());
    expect((await keeper.listMailboxes(signal())).find((one) => one.path === path)?.subscribed).toBe(false);
    const octets = Buffer.from(mail('in there'));
    await keeper.append(mailbox(path), { octets, sizeBytes: octets.length, flags: NO_FLAGS }, signal());
    const mirror = new MemoryMirror(keeper, path);
    await mirror.sync();
    expect(mirror.subjects()).toEqual(['in there']);
    await keeper.renameMailbox(path, `${path} moved`, signal());
    expect(await paths()).toEqual(expect.arrayContaining([`${path} moved`]));
    await keeper.deleteMailbox(`${path} moved`, signal());
    expect(await paths()).not.toContain(`${path} moved`);
  });

  it('says what is wrong with a mailbox command', async () => {
    await expect(keeper.createMailbox('line\r\nbreak', signal())).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    await expect(keeper.deleteMailbox('Nowhere', signal())).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(keeper.renameMailbox('Sent', 'Trash', signal())).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(new MemoryMirror(keeper, 'Nowhere').sync()).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('lists only what the account is limited to', async () => {
    await keeper.createMailbox('Projects/One', signal());
    const limited = openKeeper(connectionTo(dovecot, 'ann'), ['INBOX', 'Projects']);
    const listed = await limited.listMailboxes(signal());
    await limited.close();
    expect(listed.map(({ path, selectable }) => [path, selectable])).toEqual([
      ['INBOX', true],
      ['Projects', false],
      ['Projects/One', true],
    ]);
  });

  it('searches a header field on the server', async () => {
    await dovecot.deliver('ann', mail('one', 'x', 'List-Id: <dev.example.org>\r\n'));
    await dovecot.deliver('ann', mail('two'));
    const mirror = new MemoryMirror(keeper);
    await mirror.sync();
    const search = (name: string, contains: string) =>
      keeper.searchHeader(mailbox('INBOX'), { name, contains }, signal());
    expect(await search('List-Id', 'dev.example')).toEqual([mirror.message('one').remote!.uid]);
    expect(await search('List-Id', 'Grüße')).toEqual([]);
    await expect(search('List Id', 'x')).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    await expect(search('List-Id', 'x\r\nA LOGOUT')).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });
});

describe('a server whose mailboxes are all below INBOX', () => {
  let dovecot: Dovecot;
  let keeper: ServerKeeper;
  beforeAll(async () => {
    // Settings are written as lines: this one opens the namespace that the configuration completes further down.
    const settings = { mail_debug: 'no\nnamespace inbox {\n  prefix = INBOX/\n}' };
    dovecot = await startDovecot({ users: { ann: 'secret' }, settings });
    keeper = openKeeper(connectionTo(dovecot, 'ann'));
  }, 30_000);
  afterAll(async () => {
    await keeper.close();
    await dovecot.stop();
  });

  it('IMAP case 12: gives complete paths, and takes them', async () => {
    await keeper.createMailbox('INBOX/Projects/One', signal());
    const listed = await keeper.listMailboxes(signal());
    expect(listed.map(({ path, specialUse }) => [path, specialUse])).toEqual(
      expect.arrayContaining([
        ['INBOX', 'INBOX'],
        ['INBOX/Sent', 'SENT'],
        ['INBOX/Projects/One', undefined],
      ]),
    );
    await dovecot.deliver('ann', mail('filed'), { mailbox: 'INBOX/Projects/One' });
    const mirror = new MemoryMirror(keeper, 'INBOX/Projects/One');
    await mirror.sync();
    const moved = await keeper.move(mailbox(mirror.path), [mirror.message('filed')], mailbox('INBOX/Trash'), signal());
    expect(moved.map(({ ok }) => ok)).toEqual([true]);
    expect(await dovecot.listMessages('ann', 'INBOX/Trash')).toHaveLength(1);
  });
});
