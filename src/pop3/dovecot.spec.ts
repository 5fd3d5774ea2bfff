import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startDovecot, type Dovecot } from '../../test/servers/dovecot.js';
import { connectionTo } from '../../test/servers/pop3-script.js';
import { fetchMaildrop } from './maildrop.js';
import { Pop3Client } from './pop3.client.js';

const signal = new AbortController().signal;
const LIMIT = { maxMessageBytes: 100 << 20 };
const sha256 = (octets: string | Uint8Array): string => createHash('sha256').update(octets).digest('hex');
const letter = (subject: string, body: string): string => `Subject: ${subject}\r\n\r\n${body}\r\n`;

describe('Pop3Client with Dovecot', () => {
  let dovecot: Dovecot;
  beforeAll(async () => {
    dovecot = await startDovecot({ users: { keep: 'secret', drop: 'secret', two: 'secret' } });
  }, 20_000);
  afterAll(() => dovecot.stop());

  const connect = (username: string, security: 'TLS' | 'STARTTLS', password = 'secret'): Promise<Pop3Client> => {
    const port = security === 'TLS' ? dovecot.pop3.tlsPort : dovecot.pop3.port;
    const login = { kind: 'password', password } as const;
    return Pop3Client.connect(connectionTo({ port }, { username, security, extraCa: dovecot.caPem, login }), {
      signal,
    });
  };

  it.each(['TLS', 'STARTTLS'] as const)('gives every octet back by %s, small and large', async (security) => {
    const bodies = ['.', '..\r\n.a', '', `${'x'.repeat(3 << 20)}\r\n.`, '\xe4\x01\xff', 'bare\rCR'];
    const messages = bodies.map((body, index) => Buffer.from(letter(`${index}`, body), 'latin1'));
    if (security === 'TLS') for (const message of messages) await dovecot.deliver('keep', message);

    const client = await connect('keep', security);
    expect(client.capabilities).toMatchObject({ pipelining: true, uidl: true, top: true });
    const { entries, hasUidl } = await fetchMaildrop(client);
    expect(hasUidl).toBe(true);
    const sums: string[] = [];
    for await (const message of client.retrieve(entries, LIMIT)) {
      if (message.kind === 'whole') sums.push(sha256(message.octets));
      if (message.kind !== 'stream') continue;
      const hash = createHash('sha256');
      for await (const piece of message.octets) hash.update(piece);
      sums.push(hash.digest('hex'));
    }
    expect(sums).toEqual(messages.map(sha256));
    await client.quit();
  });

  it('reads headers by TOP', async () => {
    const client = await connect('keep', 'TLS');
    const seen: string[] = [];
    for await (const message of client.top([{ number: 1 }, { number: 2 }], { lines: 0, ...LIMIT })) {
      if (message.kind === 'whole') seen.push(message.octets.toString());
    }
    expect(seen).toEqual(['Subject: 0\r\n\r\n', 'Subject: 1\r\n\r\n']);
    await client.quit();
  });

  it('case 9: deletes nothing without QUIT, and what was asked for with it', async () => {
    for (const number of [1, 2, 3]) await dovecot.deliver('drop', letter(`${number}`, 'x'));
    const cut = await connect('drop', 'TLS');
    expect(await cut.delete([1, 2])).toEqual([{ number: 1 }, { number: 2 }]);
    cut.destroy();

    const client = await connect('drop', 'TLS');
    expect(await client.stat()).toMatchObject({ messages: 3 });
    const [first, again] = await client.delete([2, 2]);
    expect(first?.error).toBeUndefined();
    expect(again?.error).toMatchObject({ failure: 'rejected' });
    await client.quit();
    expect(await dovecot.listMessages('drop')).toHaveLength(2);
  });

  it('case 24: a message that another session removed is refused, the others come', async () => {
    for (const number of [1, 2, 3]) await dovecot.deliver('two', letter(`${number}`, 'x'));
    const client = await connect('two', 'TLS');
    const { entries } = await fetchMaildrop(client);
    const other = await connect('two', 'TLS');
    await other.delete([2]);
    await other.quit();
    const kinds: string[] = [];
    for await (const message of client.retrieve(entries, LIMIT)) kinds.push(message.kind);
    expect(kinds).toEqual(['whole', 'refused', 'whole']);
    client.destroy();
  });

  it('case 19: a wrong password is [AUTH]', async () => {
    await expect(connect('keep', 'TLS', 'wrong')).rejects.toMatchObject({
      code: 'AUTHENTICATION_FAILED',
      responseCode: 'AUTH',
    });
  }, 15_000);
});
