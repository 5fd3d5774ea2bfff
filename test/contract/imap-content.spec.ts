import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ServerKeeper } from '../../src/mailbox/keeper.port.js';
import { uid, uidValidity } from '../../src/mailbox/model/ids.js';
import { startDovecot, type Dovecot } from '../servers/dovecot.js';
import { ScriptedServer } from '../servers/scripted-server.js';
import { connectionTo, mail, mailbox, MemoryMirror, openKeeper, plainConnectionTo, signal } from './imap-account.js';

const sha = (octets: Buffer): string => createHash('sha256').update(octets).digest('hex');
const inbox = mailbox('INBOX');

async function readAll(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const multipart =
  'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=xx\r\nSubject: parts\r\nMessage-ID: <parts@x>\r\n\r\n' +
  '--xx\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello there\r\n' +
  '--xx\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\nContent-Type: multipart/alternative; boundary=yy\r\n\r\n' +
  '--yy\r\nContent-Type: text/plain\r\n\r\ninner text\r\n--yy\r\nContent-Type: text/html\r\n\r\n<b>inner</b>\r\n--yy--\r\n' +
  '--xx\r\nContent-Type: application/pdf; name="a.pdf"\r\nContent-Disposition: attachment; filename="a.pdf"\r\n' +
  'Content-Transfer-Encoding: base64\r\n\r\nAAECAwQ=\r\n--xx--\r\n';

describe('content from an IMAP server', () => {
  let dovecot: Dovecot;
  let keeper: ServerKeeper;
  let mirror: MemoryMirror;
  const large = mail('large', `${randomBytes(2_000_000).toString('base64').replace(/.{76}/g, '$&\r\n')}\r\n`);

  beforeAll(async () => {
    dovecot = await startDovecot({ users: { ann: 'secret' } });
    for (const text of [mail('small'), multipart, large]) await dovecot.deliver('ann', text);
    keeper = openKeeper(connectionTo(dovecot, 'ann'));
    mirror = new MemoryMirror(keeper);
    await mirror.sync();
  }, 30_000);
  afterAll(async () => {
    await keeper.close();
    await dovecot.stop();
  });

  it('streams the exact octets', async () => {
    for (const [subject, text] of [
      ['small', mail('small')],
      ['parts', multipart],
      ['large', large],
    ] as const) {
      const octets = await readAll(await keeper.openRaw(inbox, mirror.message(subject), signal()));
      expect(octets.length).toBe(text.length);
      expect(sha(octets)).toBe(sha(Buffer.from(text)));
    }
  });

  it('gives the parts that BODYSTRUCTURE names, numbered as our model numbers them', async () => {
    const message = mirror.message('parts');
    const enclosed = message.root.parts[1]!;
    expect(message.root.parts.map(({ partNumber }) => partNumber)).toEqual(['1', '2', '3']);
    expect(enclosed.parts[0]!.parts.map(({ partNumber }) => partNumber)).toEqual(['2.1', '2.2']);
    expect(message.root.parts[2]).toMatchObject({ filename: 'a.pdf', disposition: 'attachment', encoding: 'base64' });
    const text = async (part: typeof enclosed) =>
      (await readAll(await keeper.openPart(inbox, message, part, signal()))).toString();
    expect(await text(message.root.parts[2]!)).toBe('AAECAwQ=');
    expect(await text(enclosed)).toMatch(/^Subject: inner\r\n/);
    expect(await text(enclosed.parts[0]!)).toMatch(/^--yy\r\n/);
    expect(await text(enclosed.parts[0]!.parts[1]!)).toBe('<b>inner</b>');
    expect(await text(message.root)).toMatch(/^--xx\r\n/);
  });

  it('fetches parts of many messages together, cut where asked', async () => {
    const requests = [
      { message: mirror.message('small'), partNumber: '1', maxBytes: 3 },
      { message: mirror.message('parts'), partNumber: '1', maxBytes: 3 },
      { message: mirror.message('parts'), partNumber: '2.1', maxBytes: 1000 },
      { message: mirror.message('small'), partNumber: '9', maxBytes: 1000 },
    ];
    const fetched = await keeper.fetchParts(inbox, requests, signal());
    const shown = fetched.map(({ partNumber, octets, truncated }) => [partNumber, octets.toString(), truncated]);
    expect(shown).toEqual(
      expect.arrayContaining([
        ['1', 'Hel', true],
        ['2.1', 'inner text', false],
      ]),
    );
    expect(shown.filter(([partNumber]) => partNumber === '1')).toHaveLength(2);
  });

  it('gives previews as the server makes them, of many messages by one question', async () => {
    const messages = ['small', 'parts', 'large'].map((subject) => mirror.message(subject));
    const previews = await keeper.fetchPreviews(inbox, messages, signal());
    expect(messages.slice(0, 2).map(({ id }) => previews.get(id))).toEqual(['Hello', 'Hello there']);
    const gone = { ...messages[0]!, remote: { ...messages[0]!.remote!, uid: uid(999) } };
    await expect(keeper.fetchPreviews(inbox, [gone], signal())).resolves.toEqual(new Map());
    // The session goes on as before.
    expect((await keeper.fetchHeader(inbox, messages[0]!, signal())).length).toBeGreaterThan(10);
  });

  it('gives no previews where the server makes none, or only says that it does', async () => {
    const older = await startDovecot({ users: { ann: 'secret' }, withoutCapabilities: ['PREVIEW'] });
    await older.deliver('ann', mail('small'));
    const other = openKeeper(connectionTo(older, 'ann'));
    const theirs = new MemoryMirror(other);
    await theirs.sync();
    await expect(other.fetchPreviews(inbox, [theirs.message('small')], signal())).resolves.toEqual(new Map());
    await other.close();
    await older.stop();
    const server = await ScriptedServer.start(async (peer) => {
      await peer.send('* PREAUTH [CAPABILITY IMAP4rev1 PREVIEW] hello\r\n');
      for (let line = await peer.nextLine(); line !== undefined; line = await peer.nextLine()) {
        const [tag = '', command = ''] = line.split(' ');
        if (command === 'SELECT') await peer.send('* 1 EXISTS\r\n* OK [UIDVALIDITY 1]\r\n');
        await peer.send(`${tag} ${command === 'UID' ? 'BAD what' : 'OK done'}\r\n`);
      }
    });
    const liar = openKeeper(plainConnectionTo(server));
    const message = { ...mirror.message('small'), remote: { uid: uid(1), uidValidity: uidValidity(1) } };
    await expect(liar.fetchPreviews(inbox, [message], signal())).resolves.toEqual(new Map());
    await liar.close();
    await server.close();
  });

  it('finds a message that its session has not been told of', async () => {
    const other = new MemoryMirror(keeper);
    await keeper.fetchHeader(inbox, mirror.message('small'), signal());
    await dovecot.deliver('ann', mail('just now'));
    const second = openKeeper(connectionTo(dovecot, 'ann'));
    const seen = new MemoryMirror(second);
    await seen.sync();
    await second.close();
    const message = seen.message('just now');
    expect((await keeper.fetchHeader(inbox, message, signal())).toString()).toMatch(/Subject: just now\r\n\r\n$/);
    expect(other.messages.size).toBe(0);
  });

  it('says that a message is gone rather than giving nothing', async () => {
    await dovecot.deliver('ann', mail('short-lived'));
    await mirror.sync();
    const message = mirror.message('short-lived');
    await dovecot.doveadm('expunge', '-u', 'ann', 'mailbox', 'INBOX', 'uid', String(message.remote!.uid));
    await expect(keeper.openRaw(inbox, message, signal())).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(keeper.fetchHeader(inbox, message, signal())).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await keeper.fetchParts(inbox, [{ message, partNumber: '1', maxBytes: 10 }], signal())).toEqual([]);
  });

  it('keeps no connection for a reader that stands still', async () => {
    const readers = await Promise.all(
      Array.from({ length: 6 }, () => keeper.openRaw(inbox, mirror.message('large'), signal())),
    );
    const iterators = readers.map((reader) => reader[Symbol.asyncIterator]());
    await Promise.all(iterators.map((iterator) => iterator.next()));
    await mirror.sync();
    for (const iterator of iterators) await iterator.return?.();
    expect(mirror.batches.length).toBeGreaterThan(0);
  });
});

describe('odd messages on an IMAP server', () => {
  let dovecot: Dovecot;
  let keeper: ServerKeeper;
  beforeAll(async () => {
    dovecot = await startDovecot({ users: { ann: 'secret' } });
    keeper = openKeeper(connectionTo(dovecot, 'ann'));
  }, 30_000);
  afterAll(async () => {
    await keeper.close();
    await dovecot.stop();
  });

  const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
  const odd: Record<string, Buffer> = {
    'Latin-1 in the subject': latin1('Subject: Gr\xfc\xdfe\r\nFrom: J\xf6rg <j@example.org>\r\n\r\nx\r\n'),
    'UTF-8 in the subject': Buffer.from('Subject: Grüße 📬\r\nFrom: Jörg <j@example.org>\r\n\r\nx\r\n'),
    'encoded words': latin1(
      'Subject: =?iso-8859-1?Q?Gr=FC=DFe?= =?utf-8?B?8J+TrA==?=\r\nFrom: =?utf-8?Q?J=C3=B6rg?= <j@example.org>\r\n\r\nx',
    ),
    'no header at all': latin1('\r\njust text\r\n'),
    'an empty message': latin1(''),
    'NUL in the text': latin1('Subject: nul\r\n\r\na\0b\r\n'),
    'groups and no addresses': latin1(
      'To: undisclosed-recipients:;\r\nCc: friends: a@x.org, "B" <b@x.org>;\r\nFrom: nobody\r\nSubject: g\r\n\r\nx',
    ),
    'a broken multipart': latin1(
      'Content-Type: multipart/mixed; boundary="b"\r\nSubject: broken\r\n\r\n--b\r\nContent-Type: multipart/alternative\r\n\r\nx',
    ),
    'a date that is none': latin1('Date: yesterday\r\nSubject: date\r\n\r\nx'),
    'a name that hides its kind': latin1(
      "Content-Type: application/pdf\r\nContent-Disposition: attachment; filename*=utf-8''a%E2%80%AEfdp.exe\r\nSubject: file\r\n\r\nx",
    ),
  };

  it('IMAP case 16: are read like all others, and news behind them too', async () => {
    await dovecot.deliver('ann', mail('first'));
    const mirror = new MemoryMirror(keeper);
    await mirror.sync();
    for (const octets of Object.values(odd)) await dovecot.deliver('ann', octets);
    await dovecot.deliver('ann', mail('last'));
    await mirror.sync();
    const [, ...rest] = [...mirror.messages.entries()].sort(([a], [b]) => a - b).map(([, { data }]) => data);
    const read = Object.fromEntries(Object.keys(odd).map((name, i) => [name, rest[i]!]));
    expect(rest).toHaveLength(Object.keys(odd).length + 1);
    const greeting = { subject: 'Grüße', from: [{ name: 'Jörg', address: 'j@example.org' }] };
    expect(read['Latin-1 in the subject']!.envelope).toMatchObject(greeting);
    expect(read['UTF-8 in the subject']!.envelope).toMatchObject({ ...greeting, subject: 'Grüße 📬' });
    expect(read['encoded words']!.envelope).toMatchObject({ ...greeting, subject: 'Grüße📬' });
    expect(read['no header at all']!.envelope).toMatchObject({ from: [], to: [] });
    expect(read['groups and no addresses']!.envelope).toMatchObject({
      to: [{ name: 'undisclosed-recipients' }],
      cc: [{ name: 'friends' }, { address: 'a@x.org' }, { name: 'B', address: 'b@x.org' }],
    });
    expect(read['a date that is none']!.envelope.sentAt).toBeUndefined();
    expect(read['a name that hides its kind']!.root).toMatchObject({ filename: 'afdp.exe', disposition: 'attachment' });
    expect(rest.at(-1)!.envelope.subject).toBe('last');
    expect(JSON.stringify(rest)).not.toContain('\\u0000');
    expect(mirror.checkpoint!.nextUid).toBe(Object.keys(odd).length + 3);
  });

  it('come back octet by octet', async () => {
    const mirror = new MemoryMirror(keeper);
    await mirror.sync();
    const uids = [...mirror.messages.keys()].sort((a, b) => a - b);
    for (const [i, octets] of Object.values(odd).entries()) {
      // A literal cannot carry NUL (RFC 9051 section 4.3): the server puts something else there.
      if (octets.includes(0)) continue;
      const message = { ...mirror.message('first'), remote: { ...mirror.message('first').remote!, uid: uids[i + 1]! } };
      expect((await readAll(await keeper.openRaw(inbox, message, signal()))).toString('latin1')).toBe(
        octets.toString('latin1'),
      );
    }
  });
});
