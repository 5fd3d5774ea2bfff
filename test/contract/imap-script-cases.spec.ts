import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { ServerKeeper } from '../../src/mailbox/keeper.port.js';
import type { MailError } from '../../src/mailbox/mailbox.errors.js';
import { NO_FLAGS } from '../../src/mailbox/model/message.js';
import { imapScript, type ImapScriptOptions } from '../servers/imap-script.js';
import { ScriptedServer, type ScriptedPeer } from '../servers/scripted-server.js';
import { mailbox, MemoryMirror, openKeeper, plainConnectionTo, signal, until } from './imap-account.js';

const keepers: ServerKeeper[] = [];
let server: ScriptedServer;
afterEach(async () => {
  await Promise.all(keepers.splice(0).map((keeper) => keeper.close()));
  await server.close();
}, 20_000);

async function serve(options: ImapScriptOptions): Promise<ServerKeeper> {
  server = await ScriptedServer.start(imapScript(options));
  return open();
}

function open(): ServerKeeper {
  const keeper = openKeeper(plainConnectionTo(server));
  keepers.push(keeper);
  return keeper;
}

/** Connections that watch: say `news` to all of them. */
class Idlers {
  readonly peers: ScriptedPeer[] = [];

  readonly onIdle = async (peer: ScriptedPeer): Promise<boolean> => {
    await peer.send('+ idling\r\n');
    this.peers.push(peer);
    return true;
  };

  tell(news: string): void {
    for (const peer of this.peers) void peer.send(news);
  }
}

/** Hears of INBOX. @returns how often so far */
function watch(keeper: ServerKeeper): () => number {
  let heard = 0;
  const onHint = ({ kind }: { kind: string }): void => void (heard += kind === 'mailbox' ? 1 : 0);
  keeper.watch(onHint, () => undefined, signal(60_000)).catch(() => undefined);
  return () => heard;
}

describe('watching', () => {
  it('IMAP case 1: mail is announced within 200 ms of EXISTS while the account is read 20 times a second', async () => {
    const idlers = new Idlers();
    const keeper = await serve({ exists: 3, on: { IDLE: idlers.onIdle } });
    const mirror = new MemoryMirror(keeper);
    await mirror.sync();
    const heard = watch(keeper);
    await until(() => idlers.peers.length === 1, 'IDLE');
    const over = new AbortController();
    const reading = (async () => {
      while (!over.signal.aborted) {
        await Promise.all([mirror.sync(), keeper.listMailboxes(signal()), delay(50)]);
      }
    })();
    const tookMs: number[] = [];
    for (let mails = 1; mails <= 9; mails += 1) {
      const [before, sentMs] = [heard(), performance.now()];
      idlers.tell(`* ${3 + mails} EXISTS\r\n`);
      await until(() => heard() > before, 'news');
      tookMs.push(performance.now() - sentMs);
      await delay(120);
    }
    over.abort();
    await reading;
    expect(tookMs.toSorted((a, b) => a - b)[4]).toBeLessThan(200);
  }, 30_000);

  it('IMAP case 23: many idle accounts cost little memory each, and every one of them hears of its mail', async () => {
    const accounts = 200;
    const idlers = new Idlers();
    await serve({ exists: 1, on: { IDLE: idlers.onIdle } });
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const used = (): number => {
      gc();
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    const before = used();
    const heard = Array.from({ length: accounts }, () => watch(open()));
    await until(() => idlers.peers.length === accounts, 'all in IDLE');
    // Both ends of each connection are in this process.
    expect((used() - before) / accounts).toBeLessThan(512 * 1024);
    idlers.tell('* 2 EXISTS\r\n');
    await until(() => heard.every((count) => count() === 1), 'news of all');
  }, 30_000);
});

describe('IMAP case 8: a connection that is cut', () => {
  const inLiteral = '* 3 FETCH (UID 3 FLAGS () BODY[HEADER.FIELDS ("References")] {900}\r\nRefer';
  it.each<[string, string, string]>([
    ['before the greeting', 'greeting', ''],
    ['in the greeting', 'greeting', '* OK [CAPABILITY IMAP'],
    ['at CAPABILITY', 'CAPABILITY', '* CAPAB'],
    ['at LOGIN', 'LOGIN', ''],
    ['at SELECT', 'SELECT', '* 3 EXISTS\r\n* OK [UIDVAL'],
    ['at FETCH', 'FETCH', ''],
    ['inside a literal', 'FETCH', inLiteral],
  ])('%s is opened again, and nothing is missing or doubled', async (_where, stage, said) => {
    let cuts = 0;
    const cutOnce = async (peer: ScriptedPeer): Promise<boolean> => {
      cuts += 1;
      if (cuts > 1) return false;
      await peer.send(said);
      peer.reset();
      return true;
    };
    const usual = imapScript({ capabilities: '', exists: 3, on: { [stage]: cutOnce } });
    server = await ScriptedServer.start(async (peer) => {
      if (stage === 'greeting' && (await cutOnce(peer))) return;
      await usual(peer);
    });
    const mirror = new MemoryMirror(open());
    const first: string = await mirror.sync().then(
      () => 'nothing',
      ({ code, retryable }: MailError) => `${code}, ${retryable ? 'to be tried again' : 'for good'}`,
    );
    expect(first).toMatch(/^(nothing|CONNECTION_FAILED, to be tried again)$/);
    expect(cuts).toBeGreaterThan(0);
    await mirror.sync();
    expect(mirror.subjects()).toEqual(['m1', 'm2', 'm3']);
  });

  it('in IDLE ends the watch, and the next one hears', async () => {
    const idlers = new Idlers();
    const keeper = await serve({ exists: 3, on: { IDLE: idlers.onIdle } });
    const watching = keeper.watch(
      () => undefined,
      () => undefined,
      signal(),
    );
    await until(() => idlers.peers.length === 1, 'IDLE');
    idlers.peers[0]!.reset();
    await expect(watching).rejects.toMatchObject({ code: 'CONNECTION_FAILED', retryable: true });
    const heard = watch(keeper);
    await until(() => idlers.peers.length === 2, 'IDLE again');
    idlers.tell('* 4 EXISTS\r\n');
    await until(() => heard() === 1, 'news');
  });
});

describe('what a server will not keep, or says that cannot be', () => {
  it('IMAP case 15: keywords that PERMANENTFLAGS leaves out are refused, and STORE is not even sent', async () => {
    const keeper = await serve({
      exists: 3,
      on: { SELECT: (peer) => peer.send('* OK [PERMANENTFLAGS (\\Seen)] only this\r\n') },
    });
    const mirror = new MemoryMirror(keeper);
    await mirror.sync();
    const set = (change: object) => keeper.setFlags(mailbox('INBOX'), [mirror.message('m2')], change, signal());
    await expect(set({ addKeywords: ['$Work'] })).rejects.toMatchObject({ code: 'SERVER_REJECTED', retryable: false });
    await expect(set({ flagged: true })).rejects.toMatchObject({ code: 'SERVER_REJECTED' });
    expect(server.received.filter((line) => line.includes('STORE'))).toEqual([]);
    await mirror.sync({ full: true });
    expect(mirror.message('m2').flags).toEqual(NO_FLAGS);
    expect(await set({ seen: true })).toMatchObject([{ ok: true }]);
    expect(server.received.filter((line) => line.includes('STORE'))).toHaveLength(1);
  });

  it('IMAP case 17: a BODYSTRUCTURE nested 100 deep, with sizes that cannot be, is cut, and the next is read', async () => {
    const leaf = '("TEXT" "PLAIN" NIL NIL NIL "7BIT" 4294967295 1)';
    const deep = `${'('.repeat(100)}${leaf}${' "MIXED")'.repeat(100)}`;
    const stub = (n: number, structure: string): string =>
      `* ${n} FETCH (UID ${n} FLAGS () INTERNALDATE "23-Nov-2026 10:00:00 +0000" RFC822.SIZE 4294967295 ` +
      `ENVELOPE (NIL "m${n}" NIL NIL NIL NIL NIL NIL NIL NIL) BODYSTRUCTURE ${structure})\r\n`;
    const keeper = await serve({
      exists: 2,
      on: {
        FETCH: async (peer, tag) => {
          await peer.send(`${stub(1, deep)}${stub(2, leaf)}${tag} OK done\r\n`);
          return true;
        },
      },
    });
    const mirror = new MemoryMirror(keeper);
    await mirror.sync();
    expect(mirror.subjects()).toEqual(['m1', 'm2']);
    // imapflow gives none where it is deeper than it follows.
    expect(mirror.message('m1').parseWarnings).toEqual(['the mail server gave no structure']);
    expect(mirror.message('m2')).toMatchObject({ sizeBytes: 4_294_967_295, parseWarnings: [] });
  });
});

describe('reading a mailbox', () => {
  it('takes an empty row for what it is: of a message that others expunged meanwhile', async () => {
    const nothing = Array.from({ length: 10 }, () => 'NIL').join(' ');
    const empty =
      '* 1 FETCH (UID 1 FLAGS () INTERNALDATE "01-Jan-1970 00:00:00 +0000" RFC822.SIZE 0 ' +
      `ENVELOPE (${nothing}) BODYSTRUCTURE ("text" "plain" NIL NIL NIL "7bit" 0 0) BODY[HEADER.FIELDS ("References")] NIL)\r\n`;
    const FETCH = async (peer: ScriptedPeer, tag: string): Promise<boolean> => {
      await peer.send(`${empty}${tag} OK [EXPUNGEISSUED] some are gone\r\n`);
      return true;
    };
    const mirror = new MemoryMirror(await serve({ exists: 1, on: { FETCH } }));
    await mirror.sync();
    expect(mirror.messages.size).toBe(0);
  });
});
