import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RawMessage, ServerKeeper } from '../../src/mailbox/keeper.port.js';
import { uidValidity } from '../../src/mailbox/model/ids.js';
import type { Message } from '../../src/mailbox/model/message.js';
import { RecordedWireLog } from '../fakes/recorded-wire-log.js';
import { startDovecot, type Dovecot } from '../servers/dovecot.js';
import { connectionTo, mail, mailbox, MemoryMirror, openKeeper, signal } from './imap-account.js';

const inbox = mailbox('INBOX');
const smallMessages = 300;

async function octetsOf({ octets }: RawMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of octets) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('all octets of many messages on an IMAP server', () => {
  let dovecot: Dovecot;
  let keeper: ServerKeeper;
  let messages: readonly Message[];
  const wireLog = new RecordedWireLog();
  const texts = new Map<string, string>();
  const lines = randomBytes(2_000_000).toString('base64').replace(/.{76}/g, '$&\r\n');

  beforeAll(async () => {
    dovecot = await startDovecot({ users: { ann: 'secret' } });
    for (let i = 0; i < smallMessages; i += 1) texts.set(`m${i}`, mail(`m${i}`, `From ${i}\r\n${'x'.repeat(i)}`));
    texts.set('large', mail('large', `${lines}\r\n`));
    for (const text of texts.values()) await dovecot.deliver('ann', text);
    keeper = openKeeper(connectionTo(dovecot, 'ann', { wireLog }));
    const mirror = new MemoryMirror(keeper);
    await mirror.sync();
    messages = mirror.subjects().map((subject) => mirror.message(subject));
  }, 60_000);
  afterAll(async () => {
    await keeper.close();
    await dovecot.stop();
  });

  const read = async (wanted: readonly Message[]): Promise<Map<string, string>> => {
    const found = new Map<string, string>();
    for await (const raw of keeper.openMany(inbox, wanted, signal(60_000))) {
      const octets = await octetsOf(raw);
      expect(raw.sizeBytes).toBe(octets.length);
      found.set(raw.message.envelope.subject!, octets.toString('latin1'));
    }
    return found;
  };
  const withSize = (subject: string, sizeBytes: number): Message => ({
    ...messages.find(({ envelope }) => envelope.subject === subject)!,
    sizeBytes,
  });

  it('come exactly, in order, and not by a question each', async () => {
    wireLog.lines.length = 0;
    const found = await read(messages);
    expect(found).toEqual(texts);
    expect([...found.keys()]).toEqual(messages.map(({ envelope }) => envelope.subject));
    const questions = wireLog.lines.filter((line) => line.startsWith('C:'));
    // One window, and of the large message its last octet and six pieces.
    expect(questions.length).toBeLessThan(20);
  });

  it.each([0, 100, 1_000_000, 9_000_000])('are complete where the size was said to be %d', async (sizeBytes) => {
    const found = await read([messages[0]!, withSize('large', sizeBytes), withSize('m1', sizeBytes), messages[2]!]);
    expect([...found.keys()]).toEqual(['m0', 'large', 'm1', 'm2']);
    expect(found.get('large')).toBe(texts.get('large'));
    expect(found.get('m1')).toBe(texts.get('m1'));
  });

  it('leave out what is gone, and what has another UIDVALIDITY', async () => {
    const gone = messages[5]!;
    await dovecot.doveadm('expunge', '-u', 'ann', 'mailbox', 'INBOX', 'uid', String(gone.remote!.uid));
    const renumbered = { ...messages[6]!, remote: { ...messages[6]!.remote!, uidValidity: uidValidity(1) } };
    expect([...(await read([messages[4]!, gone, renumbered, messages[7]!])).keys()]).toEqual(['m4', 'm7']);
    expect([...(await read([withSize('m5', 900_000), withSize('m7', 900_000)])).keys()]).toEqual(['m7']);
  });

  it('keep no connection while the receiver stands still, and none after it has left', async () => {
    const readers = Array.from({ length: 4 }, () => keeper.openMany(inbox, messages, signal())[Symbol.asyncIterator]());
    await Promise.all(readers.map((reader) => reader.next()));
    await expect(keeper.fetchHeader(inbox, messages[0]!, signal(5_000))).resolves.toBeDefined();
    for (const reader of readers) await reader.return?.();
    await expect(keeper.fetchHeader(inbox, messages[0]!, signal(5_000))).resolves.toBeDefined();
  });

  it('come whole of a large message although its connections are cut', async () => {
    const chunks: Buffer[] = [];
    for await (const { octets } of keeper.openMany(inbox, [withSize('large', 0)], signal(60_000))) {
      for await (const chunk of octets) {
        chunks.push(chunk);
        if (chunks.length < 3) await dovecot.kick('ann').catch(() => undefined);
      }
    }
    expect(Buffer.concat(chunks).toString('latin1')).toBe(texts.get('large'));
  });

  it('end with the signal', async () => {
    const controller = new AbortController();
    const reader = keeper.openMany(inbox, [withSize('large', 0)], controller.signal)[Symbol.asyncIterator]();
    const first = reader.next();
    controller.abort();
    await expect(first).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
  });
});
