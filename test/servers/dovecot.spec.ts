import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ImapFlow, type ImapFlowOptions } from 'imapflow';
import { startDovecot, type Dovecot } from './dovecot.js';

const ANN = { user: 'ann@example.org', pass: 'secret of ann' };
const BOB = { user: 'bob@example.org', pass: 'secret of bob' };

function message(subject: string): string {
  return `Message-ID: <${subject}@example.org>\r\nFrom: x@example.org\r\nSubject: ${subject}\r\n\r\nHello\r\n`;
}

describe('the Dovecot test server', () => {
  let dovecot: Dovecot;

  beforeAll(async () => {
    dovecot = await startDovecot({ users: { [ANN.user]: ANN.pass, [BOB.user]: BOB.pass } });
  }, 20_000);

  afterAll(() => dovecot.stop());

  function imap(options: Partial<ImapFlowOptions>, auth = ANN): ImapFlow {
    const client = new ImapFlow({
      host: '127.0.0.1',
      port: dovecot.imap.port,
      auth,
      logger: false,
      tls: { ca: dovecot.caPem },
      ...options,
    });
    client.on('error', () => undefined);
    return client;
  }

  it.each([
    ['plain', () => ({ port: dovecot.imap.port, secure: false, doSTARTTLS: false })],
    ['STARTTLS', () => ({ port: dovecot.imap.port, secure: false, doSTARTTLS: true })],
    ['implicit TLS', () => ({ port: dovecot.imap.tlsPort, secure: true })],
  ])('signs in by IMAP over %s', async (_name, options) => {
    const client = imap(options());
    await client.connect();
    const uses = (await client.list()).map((mailbox) => mailbox.specialUse).filter(Boolean);
    expect(new Set(uses)).toEqual(new Set(['\\Archive', '\\Drafts', '\\Inbox', '\\Junk', '\\Sent', '\\Trash']));
    await client.logout();
  });

  it('delivers in order, to INBOX and to others, with the internal date asked for', async () => {
    const receivedAt = new Date('2024-02-29T12:34:56Z');
    for (const n of [1, 2, 3]) await dovecot.deliver(ANN.user, message(`in${n}`), { receivedAt });
    await dovecot.deliver(ANN.user, message('elsewhere'), { mailbox: 'Wörk/Ünder' });

    const inbox = await dovecot.listMessages(ANN.user);
    expect(inbox.map((one) => [one.uid, one.messageId])).toEqual([
      [1, '<in1@example.org>'],
      [2, '<in2@example.org>'],
      [3, '<in3@example.org>'],
    ]);
    expect(inbox[0]?.sizeBytes).toBe(message('in1').length);
    expect(await dovecot.listMessages(ANN.user, 'Wörk/Ünder')).toHaveLength(1);

    const client = imap({ secure: false });
    await client.connect();
    await client.mailboxOpen('INBOX');
    const first = await client.fetchOne('1', { internalDate: true });
    expect(first).toMatchObject({ internalDate: receivedAt });
    await client.logout();
  });

  it('announces a delivery to a client in IDLE', async () => {
    const client = imap({ secure: false }, BOB);
    await client.connect();
    await client.mailboxOpen('INBOX');
    const exists = once(client, 'exists');
    const idling = client.idle();
    await dovecot.deliver(BOB.user, message('news'));
    expect((await exists)[0]).toMatchObject({ count: 1 });
    await client.logout();
    await idling;
  });

  it.each([
    ['plain', () => connect(dovecot.pop3.port, '127.0.0.1')],
    ['TLS', () => connectTls({ port: dovecot.pop3.tlsPort, host: '127.0.0.1', ca: dovecot.caPem })],
  ])('serves POP3 over %s', async (_name, open) => {
    await dovecot.addUser('carl', 'pw');
    await dovecot.deliver('carl', message('popped'));
    const answers = await talk(open(), ['USER carl', 'PASS pw', 'UIDL', 'QUIT']);
    expect(answers[3]).toMatch(/^\+OK/);
    expect(answers.filter((line) => /^\d+ \S+$/.test(line)).length).toBeGreaterThan(0);
    expect(answers.at(-1)).toMatch(/^\+OK/);
  });

  it('takes a changed password at once', async () => {
    await dovecot.addUser('dora', 'old');
    expect(await talk(connect(dovecot.pop3.port, '127.0.0.1'), ['USER dora', 'PASS old', 'QUIT'])).not.toContainEqual(
      expect.stringMatching(/^-ERR/),
    );
    await dovecot.addUser('dora', 'new');
    const answers = await talk(connect(dovecot.pop3.port, '127.0.0.1'), ['USER dora', 'PASS old', 'PASS new', 'QUIT']);
    expect(answers).toContainEqual(expect.stringMatching(/^-ERR/));
  });

  it('kicks a user, goes down and comes up with the mail it had', async () => {
    await dovecot.addUser('eve', 'pw');
    await dovecot.deliver('eve', message('kept'));
    const client = imap({ secure: false }, { user: 'eve', pass: 'pw' });
    await client.connect();
    const closed = once(client, 'close');
    await dovecot.kick('eve');
    await closed;
    await dovecot.down();
    await expect(once(connect(dovecot.imap.port, '127.0.0.1'), 'connect')).rejects.toThrow('ECONNREFUSED');
    await dovecot.up();
    expect(await dovecot.listMessages('eve')).toHaveLength(1);
  });
});

describe('the Dovecot test server with options', () => {
  it('keeps capabilities to itself and makes no mailboxes', async () => {
    const dovecot = await startDovecot({
      users: { ann: 'pw' },
      withoutCapabilities: ['CONDSTORE', 'QRESYNC', 'MOVE'],
      specialUseMailboxes: 'no',
    });
    try {
      const client = new ImapFlow({
        host: '127.0.0.1',
        port: dovecot.imap.tlsPort,
        secure: true,
        auth: { user: 'ann', pass: 'pw' },
        logger: false,
        tls: { ca: dovecot.caPem },
      });
      await client.connect();
      expect(client.capabilities.has('UIDPLUS')).toBe(true);
      expect(client.capabilities.has('CONDSTORE')).toBe(false);
      expect(client.capabilities.has('MOVE')).toBe(false);
      expect((await client.list()).map((mailbox) => mailbox.path)).toEqual(['INBOX']);
      await client.logout();
    } finally {
      await dovecot.stop();
    }
  });

  it('says what is wrong when it cannot start', async () => {
    await expect(startDovecot({ settings: { no_such_setting: '1' } })).rejects.toThrow('no_such_setting');
  });
});

/** Sends one command after each answer line that starts with a status, and gives all lines of the server. */
async function talk(socket: Socket, commands: string[]): Promise<string[]> {
  const lines: string[] = [];
  const rest = [...commands];
  for await (const line of createInterface({ input: socket })) {
    lines.push(line);
    const multiline = commands[commands.length - rest.length - 1] === 'UIDL' && line !== '.';
    if (multiline && !line.startsWith('-')) continue;
    const next = rest.shift();
    if (next !== undefined) socket.write(`${next}\r\n`);
  }
  return lines;
}
