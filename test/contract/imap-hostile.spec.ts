import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import { isMailError } from '../../src/mailbox/mailbox.errors.js';
import type { AccountConnection } from '../../src/mailbox/connection.port.js';
import type { ServerKeeper } from '../../src/mailbox/keeper.port.js';
import { imapScript, type ImapScriptOptions } from '../servers/imap-script.js';
import { ScriptedServer, type ScriptedPeer } from '../servers/scripted-server.js';
import { createTlsFixtures } from '../servers/tls-fixtures.js';
import { MemoryMirror, openKeeper, plainConnectionTo } from './imap-account.js';

const MiB = 1024 * 1024;
const secret = 'correct horse';

let server: ScriptedServer | undefined;
let keeper: ServerKeeper | undefined;
afterEach(async () => {
  await keeper?.close();
  await server?.close();
  server = keeper = undefined;
}, 20_000);

async function start(options: ImapScriptOptions, patch: Partial<AccountConnection> = {}): Promise<ServerKeeper> {
  server = await ScriptedServer.start(imapScript(options));
  const password = () => Promise.resolve({ kind: 'password' as const, password: secret });
  keeper = openKeeper(plainConnectionTo(server, { secret: password, ...patch }));
  return keeper;
}

/** Sends the same octets until the client has had enough. @returns how many it took */
async function flood(peer: ScriptedPeer, octets: string | Buffer, maxBytes = 256 * MiB): Promise<number> {
  let sent = 0;
  for (; sent < maxBytes && !peer.closed; sent += octets.length) await peer.send(octets);
  return sent;
}

/**
 * That the process neither grows much while `work` runs nor stands still for long: it has other accounts to serve. Both ends of
 * the connections are in it; what earlier tests left may be collected meanwhile, which only helps.
 */
async function withinBounds(work: () => Promise<unknown>): Promise<void> {
  const before = process.memoryUsage().rss;
  let [mostBytes, lastMs, stoodMs] = [before, performance.now(), 0];
  const look = (): void => {
    mostBytes = Math.max(mostBytes, process.memoryUsage().rss);
    stoodMs = Math.max(stoodMs, performance.now() - lastMs);
    lastMs = performance.now();
  };
  const timer = setInterval(look, 20);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  look();
  expect(mostBytes - before).toBeLessThan(192 * MiB);
  expect(stoodMs).toBeLessThan(5_000);
}

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

/** Of a MailError its code, with a mark where nobody would try again; of anything else its name. */
function codeOf(failure: unknown): string {
  if (failure === undefined) return 'none';
  // A DOMException is no Error of this realm.
  if (!isMailError(failure)) return (failure as Error).name;
  return failure.retryable || failure.code === 'TOO_LARGE' ? failure.code : `${failure.code} for good`;
}

/** What an account does from its first connection on, up to the command that is asked for. */
const USES: Readonly<Record<string, (keeper: ServerKeeper, signal: AbortSignal) => Promise<unknown>>> = {
  CAPABILITY: (opened, signal) => opened.listMailboxes(signal),
  LOGIN: (opened, signal) => opened.listMailboxes(signal),
  LIST: (opened, signal) => opened.listMailboxes(signal),
  SELECT: sync,
  FETCH: sync,
  EXAMINE: watch,
  IDLE: watch,
};

async function sync(opened: ServerKeeper, signal: AbortSignal): Promise<void> {
  const request = {
    path: 'INBOX',
    known: { uids: () => Promise.resolve([]), count: () => Promise.resolve(0), unreadable: () => Promise.resolve([]) },
    full: false,
  };
  for await (const _ of opened.synchronise(request, signal));
}

/** A watch that is called off from outside ends well; here that counts as the deadline it was. */
async function watch(opened: ServerKeeper, signal: AbortSignal): Promise<void> {
  await opened.watch(
    () => undefined,
    () => undefined,
    signal,
  );
  signal.throwIfAborted();
}

/** The same at every run. */
const noise = (seed: number): Buffer =>
  Buffer.concat(Array.from({ length: 64 }, (_, i) => createHash('sha512').update(`${seed} ${i}`).digest()));

type Misdeed = (peer: ScriptedPeer, tag: string) => Promise<void>;

const MISDEEDS: Readonly<Record<string, readonly [Misdeed, RegExp]>> = {
  'an endless line': [async (peer) => void (await flood(peer, 'x'.repeat(64 * 1024))), /^TOO_LARGE$/],
  'an endless literal': [
    async (peer) => {
      await peer.send(`* 1 FETCH (BODY[] {${2 ** 40}}\r\n`);
      await flood(peer, 'y'.repeat(64 * 1024));
    },
    /^TOO_LARGE$/,
  ],
  'literals without end in one response': [
    async (peer) => {
      await peer.send('* 1 FETCH (');
      await flood(peer, `BODY[1] {${MiB}}\r\n${'z'.repeat(MiB)} `);
    },
    /^TOO_LARGE$/,
  ],
  'parentheses without end': [
    async (peer) => void (await flood(peer, `* 1 FETCH (BODYSTRUCTURE ${'('.repeat(1_000_000)}\r\n`, 32 * MiB)),
    /^(TOO_LARGE|CONNECTION_FAILED)$/,
  ],
  'a literal shorter than it says': [
    async (peer, tag) => {
      await peer.send(`* 1 FETCH (BODY[] {100}\r\nshort)\r\n${tag} OK done\r\n`);
      peer.end();
    },
    /^CONNECTION_FAILED$/,
  ],
  'random octets': [
    async (peer) => {
      for (let i = 0; i < 64; i += 1) await peer.send(Buffer.concat([noise(i), Buffer.from('\r\n')]));
      peer.end();
    },
    /^(CONNECTION_FAILED|TOO_LARGE)$/,
  ],
  silence: [async () => undefined, /^(TIMEOUT|CONNECTION_FAILED|TimeoutError)$/],
  BYE: [
    async (peer) => {
      await peer.send('* BYE [UNAVAILABLE] going down\r\n');
      peer.end();
    },
    /^CONNECTION_FAILED$/,
  ],
  'nothing but a reset': [async (peer) => peer.reset(), /^CONNECTION_FAILED$/],
  'answers to commands that were not sent': [
    async (peer) => {
      await peer.send('A999 OK [CAPABILITY IMAP4rev1] done\r\n+ go on\r\nB1 NO never\r\n');
      peer.end();
    },
    /^CONNECTION_FAILED$/,
  ],
};

describe.each(Object.keys(USES))('IMAP case 18: a server that answers %s with', (command) => {
  it.each(Object.entries(MISDEEDS))(
    '%s ends the connection, within bounds, and nothing else',
    async (name, [misdeed, code]) => {
      const opened = await start({
        exists: 3,
        on: {
          [command]: async (peer, tag) => {
            await misdeed(peer, tag);
            return true;
          },
        },
      });
      const signal = AbortSignal.timeout(name === 'silence' ? 300 : 10_000);
      await withinBounds(async () => {
        const told = codeOf(await failureOf(USES[command]!(opened, signal)));
        expect(told).toMatch(code);
      });
      expect(server!.received.length).toBeLessThan(60);
    },
    20_000,
  );
});

describe('a flood that nobody asked for', () => {
  const lines: Readonly<Record<string, (i: number) => string>> = {
    EXISTS: (i) => `* ${i} EXISTS\r\n`,
    EXPUNGE: () => '* 1 EXPUNGE\r\n',
    FETCH: (i) => `* ${i + 1} FETCH (UID ${i + 1} FLAGS (\\Seen keyword${i}) MODSEQ (${i + 1}))\r\n`,
    LIST: (i) => `* LIST (\\HasNoChildren) "/" "mailbox ${i}"\r\n`,
    STATUS: (i) => `* STATUS "mailbox ${i}" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3)\r\n`,
    'OK with codes': (i) => `* OK [CODE${i} ${i}] hello\r\n`,
    CAPABILITY: (i) => `* CAPABILITY IMAP4rev1 IDLE X${i}\r\n`,
    VANISHED: (i) => `* VANISHED ${i + 1}:${16_000_000 + i}\r\n`,
    'VANISHED (EARLIER)': (i) => `* VANISHED (EARLIER) ${i + 1},${i + 3}:4294967295\r\n`,
  };
  const count = Number(process.env.HOSTILE_FLOOD_LINES ?? 10_000);
  /** In pieces, so that the test's own half holds little. */
  const send = async (peer: ScriptedPeer, line: (i: number) => string): Promise<void> => {
    for (let i = 0; i < count && !peer.closed; i += 1_000) {
      await peer.send(Array.from({ length: 1_000 }, (_, j) => line(i + j)).join(''));
    }
  };

  it.each(Object.entries(lines))(
    'of %s costs little, in a command and in IDLE',
    async (_name, line) => {
      let ended!: () => void;
      const flooded = new Promise<void>((resolve) => (ended = resolve));
      const opened = await start({
        exists: 3,
        on: {
          SELECT: (peer) => send(peer, line),
          IDLE: async (peer) => {
            await peer.send('+ idling\r\n');
            await send(peer, line);
            ended();
            return true;
          },
        },
      });
      await withinBounds(async () => {
        const mirror = new MemoryMirror(opened);
        expect(codeOf(await failureOf(mirror.sync()))).toMatch(
          /^(none|TOO_LARGE|CONNECTION_FAILED|SERVER_REJECTED( for good)?)$/,
        );
        const stop = new AbortController();
        const watching = watch(opened, stop.signal).catch((error: unknown) => error);
        // A client that was flooded out before IDLE has nothing to wait for.
        await Promise.race([flooded, watching]);
        stop.abort();
        await watching;
      });
    },
    120_000,
  );
});

describe('numbers that cannot be', () => {
  it.each([
    ['EXISTS of four thousand million', '* 4294967295 EXISTS\r\n* OK [UIDVALIDITY 1]\r\n* OK [UIDNEXT 4294967295]\r\n'],
    ['EXISTS beyond every number', `* ${'9'.repeat(400)} EXISTS\r\n* OK [UIDVALIDITY 1]\r\n`],
    ['a negative EXISTS', '* -1 EXISTS\r\n* OK [UIDVALIDITY 1]\r\n'],
    ['UIDVALIDITY 0', '* 3 EXISTS\r\n* OK [UIDVALIDITY 0]\r\n'],
    ['UIDVALIDITY beyond every number', `* 3 EXISTS\r\n* OK [UIDVALIDITY ${'9'.repeat(400)}]\r\n`],
    ['UIDVALIDITY that is a word', '* 3 EXISTS\r\n* OK [UIDVALIDITY never]\r\n'],
    ['no UIDVALIDITY', '* 3 EXISTS\r\n'],
    ['UIDNEXT beyond every number', `* 3 EXISTS\r\n* OK [UIDVALIDITY 1]\r\n* OK [UIDNEXT ${'9'.repeat(400)}]\r\n`],
    [
      'HIGHESTMODSEQ beyond every number',
      `* 3 EXISTS\r\n* OK [UIDVALIDITY 1]\r\n* OK [HIGHESTMODSEQ ${'9'.repeat(400)}]\r\n`,
    ],
  ])(
    '%s: the mailbox is read or refused, and the next is read',
    async (_what, answer) => {
      const opened = await start({
        exists: 3,
        on: {
          SELECT: async (peer, tag, words) => {
            if (words[1]?.includes('Good')) return false;
            await peer.send(`${answer}${tag} OK done\r\n`);
            return true;
          },
        },
      });
      const mirror = new MemoryMirror(opened);
      expect(codeOf(await failureOf(mirror.sync()))).toMatch(/^(none|SERVER_REJECTED( for good)?|CONNECTION_FAILED)$/);
      for (const uid of mirror.messages.keys()) expect(uid).toBeLessThanOrEqual(4_294_967_295);
      const good = new MemoryMirror(opened, 'Good');
      await good.sync();
      expect(good.subjects()).toEqual(['m1', 'm2', 'm3']);
    },
    20_000,
  );

  it.each([
    ['UID 0', 0],
    ['a UID beyond 32 bits', 2 ** 40],
    ['a UID beyond every number', '9'.repeat(400)],
    ['a negative UID', -5],
  ])('a message with %s is no message', async (_what, uid) => {
    const opened = await start({
      exists: 1,
      on: {
        FETCH: async (peer, tag) => {
          await peer.send(
            `* 1 FETCH (UID ${uid} FLAGS () INTERNALDATE "23-Nov-2026 10:00:00 +0000" RFC822.SIZE 9 ` +
              'ENVELOPE (NIL "odd" NIL NIL NIL NIL NIL NIL NIL NIL) BODYSTRUCTURE ("TEXT" "PLAIN" NIL NIL NIL "7BIT" 1 1))\r\n' +
              `${tag} OK done\r\n`,
          );
          return true;
        },
      },
    });
    const mirror = new MemoryMirror(opened);
    expect(codeOf(await failureOf(mirror.sync()))).toMatch(/^(none|SERVER_REJECTED( for good)?|CONNECTION_FAILED)$/);
    expect([...mirror.messages.keys()]).toEqual([]);
  });
});

describe('no password', () => {
  const clear = [secret, Buffer.from(secret), Buffer.from(`\0ann\0${secret}`)].map((text) =>
    typeof text === 'string' ? text : text.toString('base64'),
  );
  const bait = 'STARTTLS AUTH=PLAIN AUTH=LOGIN SASL-IR';

  it.each<[string, ImapScriptOptions]>([
    ['STARTTLS is not offered', { capabilities: 'AUTH=PLAIN' }],
    [
      'STARTTLS is refused',
      { capabilities: bait, on: { STARTTLS: (peer, tag) => peer.send(`${tag} NO\r\n`).then(() => true) } },
    ],
    [
      'STARTTLS is not understood',
      { capabilities: bait, on: { STARTTLS: (peer, tag) => peer.send(`${tag} BAD\r\n`).then(() => true) } },
    ],
    [
      'STARTTLS is agreed to and TLS never comes',
      {
        capabilities: bait,
        on: { STARTTLS: (peer, tag) => peer.send(`${tag} OK\r\n* OK still here\r\n`).then(() => true) },
      },
    ],
    ['the server says that it is signed in', { greeting: '* PREAUTH welcome\r\n', capabilities: bait }],
    [
      'capabilities come with the answer to STARTTLS',
      {
        capabilities: bait,
        on: {
          STARTTLS: (peer, tag) =>
            peer.send(`${tag} OK\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nA2 OK\r\n`).then(() => true),
        },
      },
    ],
  ])('is sent where %s', async (_what, options) => {
    const opened = await start(options, { security: 'STARTTLS' });
    const failure = await opened.listMailboxes(AbortSignal.timeout(5_000)).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: expect.stringMatching(/^(TLS_FAILED|CONNECTION_FAILED|TIMEOUT)$/) });
    const said = server!.received.join('\n');
    for (const form of clear) expect(said).not.toContain(form);
    expect(said).not.toMatch(/LOGIN|AUTHENTICATE/);
  });

  it.each([
    ['vouched for by nobody', undefined, 'certPem'],
    ['for another host', 'ca', 'wrongName'],
  ] as const)('is sent after STARTTLS to a certificate %s', async (_what, trusted, which) => {
    const tls = createTlsFixtures();
    const certificate = which === 'wrongName' ? tls.wrongName : tls;
    server = await ScriptedServer.start(
      imapScript({
        capabilities: 'STARTTLS AUTH=PLAIN',
        on: {
          STARTTLS: async (peer, tag) => {
            await peer.send(`${tag} OK go\r\n`);
            await peer.startTls(certificate);
            return true;
          },
        },
      }),
    );
    const password = () => Promise.resolve({ kind: 'password' as const, password: secret });
    const extraCa = trusted && tls.caPem;
    keeper = openKeeper(plainConnectionTo(server, { secret: password, security: 'STARTTLS', extraCa }));
    await expect(keeper.listMailboxes(AbortSignal.timeout(5_000))).rejects.toMatchObject({
      code: 'TLS_FAILED',
      retryable: false,
    });
    expect(server.received.join('\n')).not.toMatch(/LOGIN|AUTHENTICATE|correct/);
  });
});
