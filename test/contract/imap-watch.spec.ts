import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { RemoteHint, ServerKeeper } from '../../src/mailbox/keeper.port.js';
import { startDovecot, type Dovecot } from '../servers/dovecot.js';
import { ScriptedServer, type ScriptedPeer } from '../servers/scripted-server.js';
import {
  connectionTo,
  mail,
  mailbox,
  MemoryMirror,
  openKeeper,
  plainConnectionTo,
  signal,
  until,
} from './imap-account.js';

/** A keeper's watch with what it said. */
class Watch {
  readonly hints: string[] = [];
  readonly stop = new AbortController();
  readonly ended: Promise<unknown>;
  ready = false;

  constructor(keeper: ServerKeeper) {
    const onHint = (hint: RemoteHint): void => void this.hints.push(hint.kind === 'mailbox' ? hint.path : '(list)');
    const watching = keeper.watch(onHint, () => (this.ready = true), this.stop.signal);
    this.ended = watching.then(
      () => 'stopped',
      (error: unknown) => error,
    );
  }

  async heard(hint: string): Promise<void> {
    await until(() => this.hints.includes(hint), `hint of ${hint}`);
    this.hints.length = 0;
  }
}

/** Timers of JavaScript stand still; sockets, and what waits for them, go on. */
const freezeTimers = (): void =>
  void jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'clearImmediate', 'queueMicrotask', 'Date'] });

describe.each(
  Object.entries({
    NOTIFY: [],
    IDLE: ['NOTIFY'],
    'LIST-STATUS missing': ['NOTIFY', 'LIST-STATUS', 'QRESYNC', 'CONDSTORE'],
    'IDLE missing': ['IDLE'],
  }),
)('watching a server, %s', (name, withoutCapabilities) => {
  let dovecot: Dovecot;
  let keeper: ServerKeeper;
  let watch: Watch;
  beforeAll(async () => {
    dovecot = await startDovecot({ users: { ann: 'secret' }, withoutCapabilities });
    await dovecot.deliver('ann', mail('old'));
    // Dovecot makes Sent, Trash and their like when they are listed for the first time, which is news too.
    await dovecot.doveadm('mailbox', 'status', '-u', 'ann', 'messages', '*');
  }, 30_000);
  afterAll(() => dovecot.stop());
  beforeEach(async () => {
    keeper = openKeeper(connectionTo(dovecot, 'ann'));
    freezeTimers();
    watch = new Watch(keeper);
    await realUntil(() => watch.ready);
  });
  afterEach(async () => {
    jest.useRealTimers();
    watch.stop.abort();
    expect(await watch.ended).toBe('stopped');
    await keeper.close();
  });

  it('hears of every mailbox when a minute has passed, INBOX without IDLE too', async () => {
    await dovecot.deliver('ann', mail('in Sent'), { mailbox: 'Sent' });
    await dovecot.doveadm('flags', 'add', '-u', 'ann', '\\Seen', 'mailbox', 'INBOX', 'all');
    await dovecot.deliver('ann', mail('in INBOX'));
    jest.advanceTimersByTime(60_000);
    await realUntil(() => watch.hints.includes('Sent') && watch.hints.includes('INBOX'));
    expect(watch.hints).not.toContain('Trash');
    watch.hints.length = 0;
    await dovecot.doveadm('mailbox', 'create', '-u', 'ann', `New ${name}`);
    await idleAgain();
    jest.advanceTimersByTime(60_000);
    await realUntil(() => watch.hints.includes('(list)'));
  });
});

/** Real time, while timers are frozen. */
async function realUntil(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('condition did not come');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A poll takes a few round trips; its end cannot be seen from outside. */
async function idleAgain(): Promise<void> {
  const over = Date.now() + 100;
  await realUntil(() => Date.now() > over);
}

describe('NOTIFY', () => {
  it('tells within a moment of any mailbox what another client did there', async () => {
    const dovecot = await startDovecot({ users: { ann: 'secret' } });
    await dovecot.deliver('ann', mail('one'));
    await dovecot.doveadm('mailbox', 'status', '-u', 'ann', 'messages', '*');
    const keeper = openKeeper(connectionTo(dovecot, 'ann'));
    const watch = new Watch(keeper);
    await until(() => watch.ready);
    await dovecot.doveadm('copy', '-u', 'ann', 'Archive', 'mailbox', 'INBOX', 'all');
    await watch.heard('Archive');
    await dovecot.doveadm('flags', 'add', '-u', 'ann', '\\Seen', 'mailbox', 'Archive', 'all');
    await watch.heard('Archive');
    await dovecot.doveadm('mailbox', 'create', '-u', 'ann', 'Entwürfe & mehr');
    await watch.heard('(list)');
    await dovecot.doveadm('copy', '-u', 'ann', 'Entwürfe & mehr', 'mailbox', 'INBOX', 'all');
    await until(() => watch.hints.includes('Entwürfe & mehr') || watch.hints.includes('(list)'));
    await dovecot.doveadm('expunge', '-u', 'ann', 'mailbox', 'Archive', 'all');
    await watch.heard('Archive');
    await keeper.close();
    expect(await watch.ended).toBe('stopped');
    await dovecot.stop();
  }, 30_000);
});

describe('a watching connection', () => {
  let dovecot: Dovecot;
  beforeAll(async () => {
    dovecot = await startDovecot({ users: { ann: 'secret' } });
  }, 30_000);
  afterAll(() => dovecot.stop());

  it('IMAP case 8: ends with an error when the server throws it out, and another one begins', async () => {
    const keeper = openKeeper(connectionTo(dovecot, 'ann'));
    const watch = new Watch(keeper);
    await until(() => watch.ready);
    await dovecot.kick('ann');
    expect(await watch.ended).toMatchObject({ code: 'CONNECTION_FAILED', retryable: true });
    const again = new Watch(keeper);
    await until(() => again.ready);
    await dovecot.deliver('ann', mail('after'));
    await again.heard('INBOX');
    await keeper.close();
    expect(await again.ended).toBe('stopped');
  });

  it('IMAP case 1: announces a message within a moment of the server, while the account is read all the time', async () => {
    const keeper = openKeeper(connectionTo(dovecot, 'ann'));
    const mirror = new MemoryMirror(keeper);
    await mirror.sync();
    const watch = new Watch(keeper);
    await until(() => watch.ready);
    const reading = new AbortController();
    const reader = (async () => {
      const message = mirror.message('after');
      while (!reading.signal.aborted) await keeper.fetchHeader(mailbox('INBOX'), message, signal());
    })();
    for (const subject of ['one', 'two', 'three']) {
      await dovecot.deliver('ann', mail(subject));
      await watch.heard('INBOX');
      await mirror.sync();
      expect(mirror.subjects()).toContain(subject);
    }
    reading.abort();
    await reader;
    watch.stop.abort();
    expect(await watch.ended).toBe('stopped');
    await keeper.close();
  });
});

describe('watching a server that', () => {
  /** Answers what every sign-in asks; `special` answers the rest. */
  const script =
    (capabilities: string, special: (peer: ScriptedPeer, tag: string, command: string) => Promise<boolean>) =>
    async (peer: ScriptedPeer): Promise<void> => {
      await peer.send(`* PREAUTH [CAPABILITY IMAP4rev1 ${capabilities}] hello\r\n`);
      for (let line = await peer.nextLine(); line !== undefined; line = await peer.nextLine()) {
        const [tag = '', command = ''] = line.split(' ');
        if (await special(peer, tag, command)) continue;
        if (command === 'CAPABILITY') await peer.send(`* CAPABILITY IMAP4rev1 ${capabilities}\r\n`);
        if (command === 'EXAMINE') await peer.send('* 1 EXISTS\r\n* OK [UIDVALIDITY 1]\r\n');
        if (command === 'LIST') await peer.send('* LIST () "/" INBOX\r\n');
        await peer.send(line === 'DONE' ? '' : `${tag} OK done\r\n`);
      }
    };

  const start = async (...args: Parameters<typeof script>) => {
    const server = await ScriptedServer.start(script(...args));
    const keeper = openKeeper(plainConnectionTo(server));
    return { server, keeper, watch: new Watch(keeper) };
  };

  afterEach(() => void jest.useRealTimers());

  it('IMAP case 9: falls silent for ever after it accepted IDLE', async () => {
    freezeTimers();
    let silent = false;
    const { server, keeper, watch } = await start('IDLE', async (peer, _tag, command) => {
      if (command === 'IDLE') await peer.send('+ idling\r\n');
      silent ||= command === 'IDLE';
      return silent;
    });
    await realUntil(() => watch.ready && silent);
    jest.advanceTimersByTime(60_000);
    await realUntil(() => server.received.includes('DONE'));
    jest.advanceTimersByTime(30_000);
    expect(await watch.ended).toMatchObject({ code: 'TIMEOUT', retryable: true });
    await keeper.close();
    await server.close();
  });

  it('IMAP case 9: never acknowledges IDLE', async () => {
    freezeTimers();
    let silent = false;
    const { server, keeper, watch } = await start('IDLE', (_peer, _tag, command) =>
      Promise.resolve((silent ||= command === 'IDLE')),
    );
    await realUntil(() => watch.ready && silent);
    jest.advanceTimersByTime(60_000);
    await idleAgain();
    jest.advanceTimersByTime(30_000);
    expect(await watch.ended).toMatchObject({ code: 'TIMEOUT' });
    await keeper.close();
    await server.close();
  });

  it.each(['with the end of IDLE', 'between two times of IDLE', 'as IDLE begins again'])(
    'IMAP case 2: tells of mail %s is understood',
    async (moment) => {
      freezeTimers();
      let [idles, idling] = [0, ''];
      const exists = '* 2 EXISTS\r\n';
      const { server, keeper, watch } = await start('IDLE', async (peer, tag, command) => {
        if (command === 'IDLE') {
          [idles, idling] = [idles + 1, tag];
          await peer.send(`${idles === 2 && moment.startsWith('as') ? exists : ''}+ idling\r\n`);
        }
        if (tag === 'DONE') await peer.send(`${moment.startsWith('with') ? exists : ''}${idling} OK done\r\n`);
        if (command === 'LIST' && idles === 1 && moment.startsWith('between')) await peer.send(exists);
        return command === 'IDLE' || tag === 'DONE';
      });
      await realUntil(() => watch.ready && idles === 1);
      await idleAgain();
      expect(watch.hints).toEqual([]);
      jest.advanceTimersByTime(60_000);
      await realUntil(() => idles === 2 && watch.hints.includes('INBOX'));
      watch.stop.abort();
      expect(await watch.ended).toBe('stopped');
      await keeper.close();
      await server.close();
    },
  );

  it('announces IDLE and refuses it is asked every half minute', async () => {
    freezeTimers();
    let count = 1;
    const { server, keeper, watch } = await start('IDLE', async (peer, tag, command) => {
      if (command === 'NOOP') await peer.send(`* ${count} EXISTS\r\n`);
      if (command === 'IDLE') await peer.send(`${tag} NO not here\r\n`);
      return command === 'IDLE';
    });
    await realUntil(() => server.received.some((line) => line.includes('IDLE')));
    await idleAgain();
    count = 2;
    jest.advanceTimersByTime(1_000);
    await realUntil(() => watch.hints.includes('INBOX'));
    watch.stop.abort();
    expect(await watch.ended).toBe('stopped');
    await keeper.close();
    await server.close();
  });

  it.each(['NO', 'OK'])('answers NOTIFY with %s, and then tells nothing, is asked as every other', async (answer) => {
    freezeTimers();
    let lists = 0;
    let idling = '';
    const { server, keeper, watch } = await start('IDLE NOTIFY', async (peer, tag, command) => {
      lists += command === 'LIST' ? 1 : 0;
      if (command === 'IDLE') idling = tag;
      if (tag === 'DONE') await peer.send(`${idling} OK done\r\n`);
      if (command === 'NOTIFY') await peer.send(`${tag} ${answer} done\r\n`);
      if (command === 'IDLE') await peer.send('+ idling\r\n* OK [NOTIFICATIONOVERFLOW] too much\r\n');
      return command === 'NOTIFY' || command === 'IDLE';
    });
    await realUntil(() => watch.ready && idling !== '');
    await idleAgain();
    const before = lists;
    // After an overflow at once, but for the shortest rest.
    jest.advanceTimersByTime(answer === 'OK' ? 1_000 : 60_000);
    await realUntil(() => lists > before);
    watch.stop.abort();
    expect(await watch.ended).toBe('stopped');
    await keeper.close();
    await server.close();
  });

  it('tells by NOTIFY of a mailbox that nobody knows is listed', async () => {
    const { server, keeper, watch } = await start('IDLE NOTIFY', async (peer, _tag, command) => {
      if (command !== 'IDLE') return false;
      await peer.send('+ idling\r\n* STATUS\r\n* STATUS INBOX\r\n* STATUS (a) b\r\n');
      await peer.send('* STATUS "made up" (MESSAGES 1 UIDNEXT x UIDVALIDITY 99999999999999999999999)\r\n');
      return true;
    });
    await watch.heard('(list)');
    expect(watch.hints).toEqual([]);
    watch.stop.abort();
    expect(await watch.ended).toBe('stopped');
    await keeper.close();
    await server.close();
  });

  it('goes on to list old names on one connection is asked on another', async () => {
    const peers: ScriptedPeer[] = [];
    /** By the order in which they came; all others say what is true. */
    const names = new Map([[1, ['Old']]]);
    let idling = '';
    const { server, keeper, watch } = await start('IDLE NOTIFY', async (peer, tag, command) => {
      if (!peers.includes(peer)) peers.push(peer);
      if (tag === 'DONE') await peer.send(`${idling} OK done\r\n`);
      if (command === 'LIST') {
        for (const name of names.get(peers.indexOf(peer)) ?? ['New']) await peer.send(`* LIST () "/" ${name}\r\n`);
      }
      if (command !== 'IDLE') return false;
      idling = tag;
      await peer.send('+ idling\r\n');
      return true;
    });
    const listed = async (): Promise<string[]> =>
      (await keeper.listMailboxes(signal())).map(({ path }) => path).filter((path) => path !== 'INBOX');
    await until(() => idling !== '');
    // At once, where the watching connection has heard of them before.
    expect(await listed()).toEqual(['New']);
    expect(peers).toHaveLength(3);
    // Or where what was there is not there any more.
    names.set(2, []);
    expect(await listed()).toEqual(['New']);
    expect(peers).toHaveLength(4);
    // Else when it asks again, and is told the same as before.
    names.set(3, ['New', 'Old']);
    expect(await listed()).toEqual(['New', 'Old']);
    await peers[0]!.send('* LIST () "/" New\r\n');
    await until(() => server.received.filter((line) => line.includes(' IDLE')).length === 2);
    expect(await listed()).toEqual(['New']);
    watch.stop.abort();
    expect(await watch.ended).toBe('stopped');
    await keeper.close();
    await server.close();
  });

  it('goes on to list as a mailbox what is a mere name by now is asked on another', async () => {
    const peers: ScriptedPeer[] = [];
    const { server, keeper, watch } = await start('IDLE', async (peer, _tag, command) => {
      if (!peers.includes(peer)) peers.push(peer);
      if (command === 'LIST')
        await peer.send(`* LIST (${peers.indexOf(peer) === 1 ? '' : '\\NonExistent'}) "/" Work\r\n`);
      return false;
    });
    await watch.heard('(list)');
    const work = (await keeper.listMailboxes(signal())).find(({ path }) => path === 'Work');
    expect(work).toMatchObject({ selectable: false });
    expect(peers).toHaveLength(3);
    watch.stop.abort();
    await watch.ended;
    await keeper.close();
    await server.close();
  });

  it('is believed where names are gone on another connection as well', async () => {
    let names = ['A', 'B'];
    const { server, keeper, watch } = await start('IDLE', async (peer, tag, command) => {
      if (command !== 'LIST') return false;
      for (const name of names) await peer.send(`* LIST () "/" ${name}\r\n`);
      await peer.send(`${tag} OK listed\r\n`);
      return true;
    });
    const listed = async (): Promise<string[]> => (await keeper.listMailboxes(signal())).map(({ path }) => path);
    expect(await listed()).toEqual(expect.arrayContaining(['A', 'B']));
    names = ['B'];
    expect(await listed()).not.toContain('A');
    names = ['B', 'A'];
    expect(await listed()).toContain('A');
    watch.stop.abort();
    await watch.ended;
    await keeper.close();
    await server.close();
  });

  it('IMAP case 10: says BYE in IDLE', async () => {
    const { server, keeper, watch } = await start('IDLE', async (peer, _tag, command) => {
      if (command !== 'IDLE') return false;
      await peer.send('+ idling\r\n* BYE [UNAVAILABLE] restarting\r\n');
      return true;
    });
    expect(await watch.ended).toMatchObject({
      code: 'CONNECTION_FAILED',
      message: expect.stringContaining('restarting'),
    });
    await keeper.close();
    await server.close();
  });

  it('IMAP case 18: sends rubbish and a literal too large in IDLE', async () => {
    const { server, keeper, watch } = await start('IDLE', async (peer, _tag, command) => {
      if (command !== 'IDLE') return false;
      await peer.send('+ idling\r\n\x00\xff(((( \r\n* 2 FETCH (BODY[] {99999999999}\r\n');
      return true;
    });
    expect(await watch.ended).toMatchObject({ code: 'TOO_LARGE' });
    await keeper.close();
    await server.close();
  });
});
