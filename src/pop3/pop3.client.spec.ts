import { afterEach, describe, expect, it } from '@jest/globals';
import { connectionTo, multiline, serveMaildrop, signInAnn } from '../../test/servers/pop3-script.js';
import { ScriptedServer, type Script } from '../../test/servers/scripted-server.js';
import type { ConnectOptions } from './connect.js';
import { fetchMaildrop } from './maildrop.js';
import { Pop3Client } from './pop3.client.js';
import type { Pop3Failure } from './pop3.errors.js';
import type { Retrieved, RetrieveRequest } from './retrieval.js';

const PIPELINING = ['PIPELINING', 'UIDL', 'TOP'];
const LIMIT = { maxMessageBytes: 100 << 20 };

let server: ScriptedServer;
afterEach(() => server.close());

/** A client signed in to a server that then plays `script`. */
async function signedIn(
  script: Script,
  { capabilities = PIPELINING, ...options }: Partial<ConnectOptions> & { capabilities?: readonly string[] } = {},
): Promise<Pop3Client> {
  server = await ScriptedServer.start(async (peer, index) => {
    await signInAnn(peer, capabilities);
    await script(peer, index);
  });
  return Pop3Client.connect(connectionTo(server), { signal: new AbortController().signal, ...options });
}

const numbers = (count: number): RetrieveRequest[] =>
  Array.from({ length: count }, (_, index) => ({ number: index + 1, sizeBytes: 100 }));

type Seen = Pick<Retrieved<RetrieveRequest>, 'kind'> & { number: number; octets?: string };

/** What a reader gets, in order, and what ends it. */
async function readAll(
  messages: AsyncIterable<Retrieved<RetrieveRequest>>,
): Promise<{ seen: Seen[]; error?: unknown }> {
  const seen: Seen[] = [];
  try {
    for await (const message of messages) seen.push(await read(message));
    return { seen };
  } catch (error) {
    return { seen, error };
  }
}

async function read(message: Retrieved<RetrieveRequest>): Promise<Seen> {
  const { kind, request } = message;
  if (message.kind === 'whole') return { kind, number: request.number, octets: message.octets.toString('latin1') };
  if (message.kind !== 'stream') return { kind, number: request.number };
  const pieces: Buffer[] = [];
  for await (const piece of message.octets) pieces.push(Buffer.from(piece));
  return { kind, number: request.number, octets: Buffer.concat(pieces).toString('latin1') };
}

const failing = (failure: Pop3Failure, more = {}): unknown => expect.objectContaining({ failure, ...more });

/** Nothing that changes or commits anything was said. */
function expectNoLastWords(): void {
  expect(server.received.filter((line) => /^(DELE|QUIT|RSET)/.test(line))).toEqual([]);
}

describe('Pop3Client, commands', () => {
  it('reads status and listings in one round trip', async () => {
    const client = await signedIn(async (peer) => {
      for (const line of ['STAT', 'LIST', 'UIDL']) await peer.expect(line);
      await peer.send(`+OK 2 30\r\n${multiline('1 10\r\n2 20\r\n')}${multiline('2 bb\r\n1  a a\r\n')}`);
    });
    expect(await fetchMaildrop(client)).toEqual({
      hasUidl: true,
      entries: [
        { number: 1, sizeBytes: 10, uidl: 'a a' },
        { number: 2, sizeBytes: 20, uidl: 'bb' },
      ],
    });
  });

  it('sends one command at a time to a server without PIPELINING', async () => {
    const early: (string | undefined)[] = [];
    const client = await signedIn(
      async (peer) => {
        for (const reply of ['+OK 0 0\r\n', multiline(''), multiline('')]) {
          await peer.expect(/^(STAT|LIST|UIDL)$/);
          await new Promise((resolve) => setImmediate(resolve));
          early.push(peer.received.at(-1));
          await peer.send(reply);
        }
      },
      { capabilities: ['UIDL'] },
    );
    await fetchMaildrop(client);
    expect(early).toEqual(['STAT', 'LIST', 'UIDL']);
  });

  it('says QUIT alone, after the last reply', async () => {
    const client = await signedIn(async (peer) => {
      await peer.expect('DELE 1');
      await peer.expect('DELE 2');
      await peer.send('+OK\r\n-ERR no such message\r\n');
      await peer.answer('QUIT', '+OK bye\r\n');
    });
    const [outcomes] = await Promise.all([client.delete([1, 2]), client.quit()]);
    expect(outcomes).toEqual([{ number: 1 }, { number: 2, error: failing('rejected') }]);
    expect(server.received.slice(-3)).toEqual(['DELE 1', 'DELE 2', 'QUIT']);
  });

  it('case 10: QUIT without an answer is not known to have worked', async () => {
    const client = await signedIn(async (peer) => {
      await peer.expect('QUIT');
      peer.end();
    });
    await expect(client.quit()).rejects.toEqual(failing('closed'));
  });

  it('case 11: QUIT refused is an error', async () => {
    const client = await signedIn((peer) => peer.answer('QUIT', '-ERR some deleted messages not removed\r\n'));
    await expect(client.quit()).rejects.toEqual(failing('rejected', { code: 'SERVER_REJECTED' }));
  });

  it('case 17: unique-ids are told apart octet by octet', async () => {
    const ids = ['a/b', 'A/b', 'two words', '\xe4', 'u'.repeat(200), 'a/b '];
    const listing = ids.map((id, index) => `${index + 1} ${id}\r\n`).join('');
    const client = await signedIn((peer) => peer.answer('UIDL', multiline(listing)));
    const uidls = await client.uidl();
    expect([...uidls!.values()]).toEqual(ids);
    expect(new Set(uidls!.values()).size).toBe(ids.length);
  });

  it('case 18: UIDL refused where CAPA has it is temporary, where it has not there is none', async () => {
    const refusal: Script = (peer) => peer.answer('UIDL', '-ERR unknown command\r\n');
    await expect((await signedIn(refusal)).uidl()).rejects.toEqual(failing('rejected', { retryable: true }));
    await server.close();
    expect(await (await signedIn(refusal, { capabilities: [] })).uidl()).toBeUndefined();
  });

  it('case 18: a server without CAPA may still have UIDL, and is not asked twice', async () => {
    server = await ScriptedServer.start(async (peer) => {
      await peer.send('+OK\r\n');
      await peer.answer('CAPA', '-ERR\r\n');
      await peer.answer('USER ann', '+OK\r\n');
      await peer.answer('PASS secret', '+OK\r\n');
      await peer.answer('UIDL', multiline('1 x\r\n'));
    });
    const client = await Pop3Client.connect(connectionTo(server), { signal: new AbortController().signal });
    expect(client.capabilities).toBeUndefined();
    expect(await client.uidl()).toEqual(new Map([[1, 'x']]));
  });

  it('case 18: TOP refused concerns that message only', async () => {
    const client = await signedIn(async (peer) => {
      await peer.answer('TOP 1 0', '-ERR unknown command\r\n');
      await peer.answer('NOOP', '+OK\r\n');
    });
    expect(await readAll(client.top(numbers(1), { lines: 0, ...LIMIT }))).toEqual({
      seen: [{ kind: 'refused', number: 1 }],
    });
    await client.noop();
  });

  it('reads a server that ends its lines in LF, from the greeting on', async () => {
    server = await ScriptedServer.start(async (peer) => {
      await peer.send('+OK\n');
      await peer.answer('CAPA', '-ERR\n');
      await peer.answer('USER ann', '+OK\n');
      await peer.answer('PASS secret', '+OK\n');
      await peer.answer('RETR 1', '+OK\na\r\nb\n..\n.\n');
    });
    const client = await Pop3Client.connect(connectionTo(server), { signal: new AbortController().signal });
    const { seen } = await readAll(client.retrieve(numbers(1), LIMIT));
    expect(seen).toEqual([{ kind: 'whole', number: 1, octets: 'a\r\nb\n.\n' }]);
  });
});

describe('Pop3Client, messages', () => {
  it('fetches many through a window that is refilled', async () => {
    const messages = Array.from({ length: 450 }, (_, index) => `Subject: ${index}\r\n\r\n.${'x'.repeat(index)}\r\n`);
    const client = await signedIn((peer) => serveMaildrop(peer, messages));
    const { seen, error } = await readAll(client.retrieve(numbers(450), LIMIT));
    expect(error).toBeUndefined();
    expect(seen.map((one) => one.octets)).toEqual(messages);
    await client.quit();
  });

  it('keeps no more than 8 MB and 100 commands under way, and large messages alone', async () => {
    const bursts: number[] = [];
    const client = await signedIn(async (peer) => {
      for (let answered = 0; answered < 120;) {
        const first = await peer.nextLine();
        if (first === undefined) return;
        await new Promise((resolve) => setImmediate(resolve));
        const burst = peer.received.filter((line) => line.startsWith('RETR')).length - answered;
        bursts.push(burst);
        for (let more = 1; more < burst; more++) await peer.nextLine();
        for (let count = 0; count < burst; count++) await peer.send(multiline('x\r\n'));
        answered += burst;
      }
    });
    const sizes = [...Array.from({ length: 100 }, () => 10), ...Array.from({ length: 18 }, () => 1 << 20), 2 << 20, 5];
    const requests = sizes.map((sizeBytes, index) => ({ number: index + 1, sizeBytes }));
    expect((await readAll(client.retrieve(requests, LIMIT))).seen).toHaveLength(120);
    expect(Math.max(...bursts)).toBe(100);
    expect(bursts.at(0)).toBe(100);
    expect(bursts.slice(1)).toEqual([8, 8, 2, 1, 1]);
  });

  it('case 3: takes a whole session octet by octet', async () => {
    const octets = 'a\r\n..b\r\n.\r\n\r\n';
    server = await ScriptedServer.start(async (peer) => {
      await peer.trickle('+OK ready\r\n');
      await peer.expect('CAPA');
      await peer.trickle(multiline('USER\r\nPIPELINING\r\n'));
      await peer.expect('USER ann');
      await peer.trickle('+OK\r\n');
      await peer.expect('PASS secret');
      await peer.trickle('+OK\r\n');
      await peer.expect('CAPA');
      await peer.trickle(multiline('USER\r\nPIPELINING\r\n'));
      await peer.expect('RETR 1');
      await peer.expect('RETR 2');
      await peer.trickle(multiline(octets) + multiline(''));
    });
    const client = await Pop3Client.connect(connectionTo(server), { signal: new AbortController().signal });
    const { seen } = await readAll(client.retrieve(numbers(2), LIMIT));
    expect(seen).toEqual([
      { kind: 'whole', number: 1, octets },
      { kind: 'whole', number: 2, octets: '' },
    ]);
  });

  it('case 4: takes segments that look like the end', async () => {
    const client = await signedIn(async (peer) => {
      await peer.expect('RETR 1');
      await peer.send('+OK\r\na', '.', '\r\n', 'b', '.\r\n', '..', '\r\n', '.\r\n');
    });
    const { seen } = await readAll(client.retrieve(numbers(1), LIMIT));
    expect(seen).toEqual([{ kind: 'whole', number: 1, octets: 'a.\r\nb.\r\n.\r\n' }]);
  });

  it('case 5: streams a message with a line of 3 MB and every octet value', async () => {
    const every = String.fromCharCode(...Array.from({ length: 256 }, (_, index) => index));
    const octets = `${every}\r\r\n${'x'.repeat(3 << 20)}\n\r${every}\r\n`;
    const client = await signedIn((peer) => serveMaildrop(peer, [octets, 'next\r\n']));
    const { seen } = await readAll(client.retrieve([{ number: 1, sizeBytes: octets.length }, { number: 2 }], LIMIT));
    expect(seen.map((one) => [one.kind, one.number])).toEqual([
      ['stream', 1],
      ['whole', 2],
    ]);
    expect(seen[0]?.octets === octets).toBe(true);
  });

  it('case 6: what looks like replies inside a message stays there', async () => {
    const octets = 'a\n.\n+OK\nb\n.\r\n+OK fake\r\n';
    const client = await signedIn((peer) => serveMaildrop(peer, [octets, 'second\r\n']));
    const { seen } = await readAll(client.retrieve(numbers(2), LIMIT));
    expect(seen.map((one) => one.octets)).toEqual([octets, 'second\r\n']);
  });

  it('case 22: LIST says 0, too little or nothing, and the octets are right all the same', async () => {
    const large = `${'y'.repeat(2 << 20)}\r\n`;
    const client = await signedIn((peer) => serveMaildrop(peer, ['one\r\n', large, 'three\r\n']));
    const requests = [{ number: 1, sizeBytes: 0 }, { number: 2, sizeBytes: 1024 }, { number: 3 }];
    const { seen } = await readAll(client.retrieve(requests, LIMIT));
    expect(seen.map((one) => one.octets === ['one\r\n', large, 'three\r\n'][one.number - 1])).toEqual([
      true,
      true,
      true,
    ]);
  });

  it('case 23: -ERR in the middle of a window concerns that message only', async () => {
    const client = await signedIn((peer) => serveMaildrop(peer, ['1\r\n', '2\r\n', '3\r\n']));
    const requests = [1, 9, 3].map((number) => ({ number, sizeBytes: 3 }));
    expect(await readAll(client.retrieve(requests, LIMIT))).toEqual({
      seen: [
        { kind: 'whole', number: 1, octets: '1\r\n' },
        { kind: 'refused', number: 9 },
        { kind: 'whole', number: 3, octets: '3\r\n' },
      ],
    });
    await client.quit();
  });

  it('case 24: a message expunged by another session is refused with the server’s words', async () => {
    const client = await signedIn((peer) => peer.answer('RETR 1', '-ERR Message 1 expunged.\r\n'));
    for await (const message of client.retrieve(numbers(1), LIMIT)) {
      expect(message).toMatchObject({ kind: 'refused', error: { serverText: 'Message 1 expunged.' } });
    }
    expect.assertions(1);
  });
});

describe('Pop3Client, backpressure', () => {
  it('stops reading when nobody takes, without blaming the server, and goes on', async () => {
    const octets = `${'z'.repeat(40 << 20)}\r\n`;
    let sent = false;
    const client = await signedIn(
      async (peer) => {
        await peer.expect('RETR 1');
        await peer.send('+OK\r\n', octets, '.\r\n');
        sent = true;
        await peer.clientClosed();
      },
      { timeouts: { idleMs: 150 } },
    );
    const iterator = client.retrieve([{ number: 1 }], LIMIT);
    const { value } = await iterator.next();
    if (value?.kind !== 'stream') throw new Error('a stream was expected');
    const rssBefore = process.memoryUsage().rss;
    // Longer than the idle time-out: our own pause must not count.
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(sent).toBe(false);
    expect(process.memoryUsage().rss - rssBefore).toBeLessThan(32 << 20);
    let bytes = 0;
    for await (const piece of value.octets) bytes += piece.length;
    expect(bytes).toBe(octets.length);
    expect((await iterator.next()).done).toBe(true);
    client.destroy();
  });

  it('destroys the session when the reader leaves the loop', async () => {
    const client = await signedIn((peer) => serveMaildrop(peer, ['1\r\n', '2\r\n', '3\r\n']));
    for await (const message of client.retrieve(numbers(300), LIMIT)) if (message.request.number === 2) break;
    await expect(client.quit()).rejects.toEqual(failing('aborted'));
    await server.peer().clientClosed();
    expectNoLastWords();
  });

  it('destroys the session when the reader leaves in the middle of a message', async () => {
    const client = await signedIn((peer) => serveMaildrop(peer, [`${'x'.repeat(3 << 20)}\r\n`]));
    const messages = client.retrieve([{ number: 1 }], LIMIT);
    const { value } = await messages.next();
    if (value?.kind !== 'stream') throw new Error('a stream was expected');
    for await (const piece of value.octets) if (piece.length > 0) break;
    await expect(messages.next()).rejects.toEqual(failing('aborted'));
    expectNoLastWords();
  });

  it('ends well when there is nothing to fetch', async () => {
    const client = await signedIn((peer) => peer.answer('QUIT', '+OK\r\n'));
    expect(await readAll(client.retrieve([], LIMIT))).toEqual({ seen: [] });
    await client.quit();
  });
});

describe('Pop3Client, poisoned sessions', () => {
  /** Message 1 is whole, then the script spoils message 2; 3 and more must never be handed out. */
  async function spoiled(
    spoil: Script,
    options: Partial<ConnectOptions> = {},
    limit = LIMIT,
  ): Promise<{ client: Pop3Client; seen: Seen[]; error?: unknown }> {
    const client = await signedIn(async (peer, index) => {
      await peer.expect('RETR 1');
      await peer.send('+OK\r\nfirst\r\n.\r\n');
      await spoil(peer, index);
    }, options);
    const result = await readAll(client.retrieve(numbers(5), limit));
    await expect(client.delete([1])).rejects.toBe(result.error);
    await expect(client.quit()).rejects.toBe(result.error);
    await server.peer().clientClosed();
    expectNoLastWords();
    return { client, ...result };
  }

  const FIRST = { kind: 'whole', number: 1, octets: 'first\r\n' };
  const SECOND_BROKEN = { kind: 'broken', number: 2 };

  it.each([
    ['FIN', 'end'],
    ['RST', 'reset'],
  ] as const)('case 1: the server closes in mid-body by %s', async (_how, close) => {
    const { client, seen, error } = await spoiled(async (peer) => {
      await peer.send('+OK\r\nhalf a li', 'ne');
      peer[close]();
    });
    expect(seen).toEqual([FIRST, SECOND_BROKEN]);
    expect(error).toEqual(failing('closed', { code: 'CONNECTION_FAILED', retryable: true }));
    expect(client.failedWhilePipelining).toBe(true);
  });

  it('case 1: a large message breaks off for its reader', async () => {
    const client = await signedIn(async (peer) => {
      await peer.expect('RETR 1');
      await peer.send(`+OK\r\n${'x'.repeat(2 << 20)}\r\n`);
      peer.end();
    });
    const { seen, error } = await readAll(client.retrieve([{ number: 1 }], LIMIT));
    expect({ seen, error }).toEqual({ seen: [], error: failing('closed') });
  });

  it('case 2: the body stalls with the socket open', async () => {
    const { seen, error } = await spoiled((peer) => peer.send('+OK\r\nhalf'), { timeouts: { idleMs: 100 } });
    expect(seen).toEqual([FIRST, SECOND_BROKEN]);
    expect(error).toEqual(failing('timeout', { code: 'TIMEOUT', retryable: true }));
  });

  it('case 2: a slow but steady body outlives every single deadline', async () => {
    const client = await signedIn(
      async (peer) => {
        await peer.expect('RETR 1');
        await peer.send('+OK\r\n');
        for (let count = 0; count < 12; count++) {
          await new Promise((resolve) => setTimeout(resolve, 40));
          await peer.send('x');
        }
        await peer.send('\r\n.\r\n');
      },
      { timeouts: { idleMs: 200, replyMs: 200 } },
    );
    const { seen } = await readAll(client.retrieve(numbers(1), LIMIT));
    expect(seen).toEqual([{ kind: 'whole', number: 1, octets: `${'x'.repeat(12)}\r\n` }]);
  });

  it('case 2: a body that trickles octet by octet does not hold the session for ever', async () => {
    const trickles: Script = async (peer) => {
      await peer.send('+OK\r\n');
      while (!peer.closed) {
        await peer.send('x');
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    const { seen, error } = await spoiled(trickles, { timeouts: { progressMs: 150, idleMs: 100 } });
    expect(seen).toEqual([FIRST, SECOND_BROKEN]);
    expect(error).toEqual(failing('timeout', { code: 'TIMEOUT' }));
  });

  it('case 2: small messages that come slowly one after the other are no trickle', async () => {
    const messages = Array.from({ length: 8 }, (_, index) => `${index}\r\n`);
    const client = await signedIn(
      async (peer) => {
        for (const message of messages) {
          await peer.expect(/^RETR/);
          await new Promise((resolve) => setTimeout(resolve, 40));
          await peer.send('+OK\r\n', message, '.\r\n');
        }
      },
      { timeouts: { progressMs: 100 } },
    );
    const { seen } = await readAll(client.retrieve(numbers(8), LIMIT));
    expect(seen.map(({ octets }) => octets)).toEqual(messages);
  });

  it('case 2: a status line that trickles is not life', async () => {
    const client = await signedIn(
      async (peer) => {
        await peer.expect('STAT');
        while (!peer.closed) {
          await peer.send('+');
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      },
      { timeouts: { replyMs: 150 } },
    );
    await expect(client.stat()).rejects.toEqual(failing('timeout'));
  });

  it('case 22: a message above the limit ends the session, no later number is heard of', async () => {
    const { seen, error } = await spoiled(
      (peer) => peer.send(`+OK\r\n${'x'.repeat(5000)}\r\n.\r\n+OK\r\nthird\r\n.\r\n`),
      {},
      { maxMessageBytes: 4096 },
    );
    expect(seen).toEqual([FIRST, SECOND_BROKEN]);
    expect(error).toEqual(failing('limit', { code: 'TOO_LARGE' }));
  });

  it('case 22: a large message above the limit breaks off after what fits', async () => {
    const client = await signedIn(async (peer) => {
      await peer.expect('RETR 1');
      await peer.send('+OK\r\n');
      for (let sent = 0; sent < 300 && !peer.closed; sent++) await peer.send('x'.repeat(1 << 20));
      await peer.clientClosed();
    });
    const messages = client.retrieve([{ number: 1, sizeBytes: 1024 }], { maxMessageBytes: 5 << 20 });
    const { value } = await messages.next();
    if (value?.kind !== 'stream') throw new Error('a stream was expected');
    let bytes = 0;
    const reading = (async () => {
      for await (const piece of value.octets) bytes += piece.length;
    })();
    await expect(reading).rejects.toEqual(failing('limit'));
    expect(bytes).toBeLessThanOrEqual(5 << 20);
    await expect(messages.next()).rejects.toEqual(failing('limit'));
  });

  it.each([
    ['a status line without end', 'STAT', `+OK ${'x'.repeat(5000)}`, 'limit'],
    ['STAT of 2^63 messages', 'STAT', '+OK 9223372036854775808 1\r\n', 'limit'],
    ['STAT without numbers', 'STAT', '+OK hello\r\n', 'protocol'],
    ['a reply that is none', 'STAT', 'HELLO\r\n', 'protocol'],
    ['+ERR', 'STAT', '+ERR no\r\n', 'protocol'],
    ['a challenge', 'STAT', '+ \r\n', 'protocol'],
    ['a bare LF in a CRLF session', 'STAT', '+OK 1 1\n', 'protocol'],
    ['more than was asked for', 'STAT', '+OK 1 1\r\n+OK again\r\n', 'protocol'],
  ] as const)('case 22: %s', async (_what, command, reply, failure) => {
    const client = await signedIn((peer) => peer.answer(command, reply));
    await client.stat().catch(() => {});
    await expect(client.quit()).rejects.toEqual(failing(failure));
    await server.peer().clientClosed();
    expectNoLastWords();
  });

  it.each([
    ['a listing without end', async (client: Pop3Client) => client.list(), 'limit'],
    ['unique-ids without end', async (client: Pop3Client) => client.uidl(), 'limit'],
  ] as const)('case 22: %s', async (_what, ask, failure) => {
    const rows = Array.from({ length: 20_000 }, (_, index) => `${index + 1} 100\r\n`).join('');
    const client = await signedIn(async (peer) => {
      await peer.nextLine();
      await peer.send('+OK\r\n');
      while (!peer.closed) await peer.send(rows);
    });
    await expect(ask(client)).rejects.toEqual(failing(failure));
  });

  it('a listing that names a message twice', async () => {
    const client = await signedIn((peer) => peer.answer('LIST', multiline('1 10\r\n1 20\r\n')));
    await expect(client.list()).rejects.toEqual(failing('protocol'));
    expect(client.failure).toEqual(failing('protocol'));
  });

  it('case 22: a listing that trickles for ever', async () => {
    const client = await signedIn(
      async (peer) => {
        await peer.answer('LIST', '+OK\r\n');
        for (let number = 1; !peer.closed; number++) {
          await peer.send(`${number} 1\r\n`);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      },
      { timeouts: { listingMs: 200 } },
    );
    await expect(client.list()).rejects.toEqual(failing('timeout'));
  });

  it('case 23: the server hangs up at the second pipelined command', async () => {
    const { client, seen, error } = await spoiled(async (peer) => peer.end());
    expect(seen).toEqual([FIRST, SECOND_BROKEN]);
    expect(error).toEqual(failing('closed'));
    expect(client.failedWhilePipelining).toBe(true);
  });

  it('case 23: one command at a time when asked for', async () => {
    const client = await signedIn(
      async (peer) => {
        await peer.expect('RETR 1');
        await new Promise((resolve) => setImmediate(resolve));
        if (peer.received.at(-1) !== 'RETR 1') throw new Error('pipelined all the same');
        await peer.send(multiline('one\r\n'));
        await peer.answer('RETR 2', multiline('two\r\n'));
      },
      { pipelining: false },
    );
    const { seen } = await readAll(client.retrieve(numbers(2), LIMIT));
    expect(seen.map((one) => one.octets)).toEqual(['one\r\n', 'two\r\n']);
  });

  it('case 23: the server answers out of step', async () => {
    const { seen, error } = await spoiled((peer) => peer.send('+OK\r\nsecond\r\n.\r\nSubject: third\r\n\r\n.\r\n'));
    expect(seen).toEqual([FIRST, { kind: 'whole', number: 2, octets: 'second\r\n' }, { kind: 'broken', number: 3 }]);
    expect(error).toEqual(failing('protocol'));
  });

  it('an abort ends everything at once', async () => {
    const abort = new AbortController();
    const client = await signedIn(
      async (peer) => {
        await peer.expect('RETR 1');
        await peer.send('+OK\r\nhalf');
        abort.abort();
        await peer.clientClosed();
      },
      { signal: abort.signal },
    );
    const { seen, error } = await readAll(client.retrieve(numbers(3), LIMIT));
    expect(seen).toEqual([]);
    expect(error).toEqual(failing('aborted', { retryable: true }));
    expectNoLastWords();
  });

  it('blames no message when the session is destroyed by us', async () => {
    const client = await signedIn(async (peer) => {
      await peer.expect('RETR 1');
      await peer.send('+OK\r\nhalf');
      client.destroy();
    });
    const { seen, error } = await readAll(client.retrieve(numbers(3), LIMIT));
    expect({ seen, error }).toEqual({ seen: [], error: failing('aborted') });
  });

  it('the server hangs up while nothing is due', async () => {
    const client = await signedIn(async (peer) => peer.end());
    await server.peer().clientClosed();
    await expect(client.stat()).rejects.toEqual(failing('closed'));
  });
});
