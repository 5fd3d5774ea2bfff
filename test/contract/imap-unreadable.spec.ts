import { readdir, rename } from 'node:fs/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { UidSet } from '../../src/imap/uid-set.js';
import type { ServerKeeper } from '../../src/mailbox/keeper.port.js';
import { startDovecot } from '../servers/dovecot.js';
import { ScriptedServer, type ScriptedPeer } from '../servers/scripted-server.js';
import { connectionTo, mail, MemoryMirror, openKeeper, plainConnectionTo } from './imap-account.js';

/** A mailbox of messages with UID = sequence number, some of which make the server hang up in the middle of a literal. */
class StumblingServer {
  readonly stumbles = new Set<number>();
  /** So many answers more break off, whatever they are about, as on a bad line. */
  cuts = 0;
  exists = 0;

  readonly script = async (peer: ScriptedPeer): Promise<void> => {
    await peer.send('* PREAUTH [CAPABILITY IMAP4rev1] hello\r\n');
    for (let line = await peer.nextLine(); line !== undefined; line = await peer.nextLine()) {
      const [tag = '', ...words] = line.split(' ');
      if (words[0] === 'CAPABILITY') await peer.send('* CAPABILITY IMAP4rev1\r\n');
      if (words[0] === 'SELECT') await peer.send(`* ${this.exists} EXISTS\r\n* OK [UIDVALIDITY 1]\r\n`);
      if (words[0] === 'NOOP') await peer.send(`* ${this.exists} EXISTS\r\n`);
      const [command, set = ''] = words[0] === 'UID' ? words.slice(1) : words;
      if (command === 'SEARCH') await peer.send(`* SEARCH ${this.resolve(words.at(-1)!).join(' ')}\r\n`);
      if (command === 'FETCH' && !(await this.fetch(peer, this.resolve(set), line.includes('ENVELOPE')))) return;
      await peer.send(`${tag} OK done\r\n`);
    }
  };

  private resolve(set: string): number[] {
    return [...UidSet.parse(set.replaceAll('*', String(Math.max(1, this.exists)))).within(1, this.exists)];
  }

  /** @returns false when it hung up */
  private async fetch(peer: ScriptedPeer, uids: readonly number[], whole: boolean): Promise<boolean> {
    const rows = uids.map((uid) => {
      const stub = `* ${uid} FETCH (UID ${uid} FLAGS () INTERNALDATE "23-Nov-2026 10:00:00 +0000"`;
      if (!whole) return `${stub})\r\n`;
      const envelope = `ENVELOPE (NIL "m${uid}" NIL NIL NIL NIL NIL NIL NIL NIL)`;
      const rest = this.stumbles.has(uid) ? ' BODY[HEADER.FIELDS ("References")] {900}\r\nRefer' : ')\r\n';
      return `${stub} RFC822.SIZE 100 ${envelope} BODYSTRUCTURE ("TEXT" "PLAIN" NIL NIL NIL "7BIT" 10 1)${rest}`;
    });
    if (whole && this.cuts > 0) {
      this.cuts -= 1;
      await peer.send(rows.join('').slice(0, 50));
      peer.end();
      return false;
    }
    const at = whole ? uids.findIndex((uid) => this.stumbles.has(uid)) : -1;
    await peer.send(rows.slice(0, at < 0 ? undefined : at + 1).join(''));
    if (at >= 0) peer.end();
    return at < 0;
  }
}

describe('a message over which the server hangs up', () => {
  let keeper: ServerKeeper;
  let server: ScriptedServer;
  let stumbling: StumblingServer;

  const start = async (exists: number, stumbles: readonly number[]): Promise<MemoryMirror> => {
    stumbling = new StumblingServer();
    stumbling.exists = exists;
    for (const uid of stumbles) stumbling.stumbles.add(uid);
    server = await ScriptedServer.start(stumbling.script);
    keeper = openKeeper(plainConnectionTo(server));
    return new MemoryMirror(keeper);
  };

  afterEach(async () => {
    await keeper.close();
    await server.close();
  });

  it.each([
    ['in the first window', [121]],
    ['in its history', [30]],
    ['in several places', [1, 2, 75, 149, 150]],
  ])(
    'every time does not stop the mailbox: %s',
    async (_where, stumbles) => {
      const mirror = await start(150, stumbles);
      await mirror.sync();
      expect(mirror.messages.size).toBe(150);
      expect(mirror.checkpoint).toMatchObject({ lowestUid: 1, nextUid: 151 });
      const stubs = [...mirror.messages].filter(([, { data }]) => data.parseWarnings.length > 0);
      expect(stubs.map(([uid]) => uid).sort((a, b) => a - b)).toEqual(stumbles);
      expect(stubs[0]![1].data.parseWarnings[0]).toMatch(/will be tried again/);
    },
    30_000,
  );

  it('is not suspected where the line is bad for a moment', async () => {
    const mirror = await start(150, []);
    stumbling.cuts = 2;
    await mirror.sync();
    expect([...mirror.messages.values()].filter(({ data }) => data.parseWarnings.length > 0)).toEqual([]);
    expect(mirror.messages.size).toBe(150);
  }, 30_000);

  it('does not stop news behind it, and is there when it can be read again', async () => {
    const mirror = await start(10, []);
    await mirror.sync();
    stumbling.exists = 20;
    stumbling.stumbles.add(12);
    await mirror.sync();
    expect(mirror.subjects()).toHaveLength(20);
    expect(mirror.subjects()[11]).toBe('');
    await mirror.sync({ full: true });
    expect(mirror.subjects()[11]).toBe('');
    stumbling.stumbles.clear();
    await mirror.sync({ full: true });
    expect(mirror.subjects()[11]).toBe('m12');
    expect(mirror.messages.size).toBe(20);
  });

  it('is read by a later process as soon as it can be', async () => {
    const before = await start(20, [12]);
    await before.sync();
    await keeper.close();
    stumbling.stumbles.clear();
    keeper = openKeeper(plainConnectionTo(server));
    const mirror = new MemoryMirror(keeper);
    mirror.checkpoint = before.checkpoint;
    for (const [uid, message] of before.messages) mirror.messages.set(uid, message);
    await mirror.sync();
    expect(mirror.subjects()[11]).toBe('m12');
    expect(mirror.messages.size).toBe(20);
  }, 20_000);
});

describe('a file of another size than its name says', () => {
  it('costs Dovecot its connection, and the others nothing', async () => {
    const dovecot = await startDovecot({ users: { ann: 'secret' } });
    for (let i = 1; i <= 150; i += 1) await dovecot.deliver('ann', mail(`m${i}`, 'Hello\r\n'.repeat(20)));
    const dir = `${(await dovecot.doveadm('mailbox', 'path', '-u', 'ann', 'INBOX')).trim()}/new`;
    const file = (await readdir(dir)).sort()[120]!;
    await rename(`${dir}/${file}`, `${dir}/${file.replace(/S=\d+,W=\d+/, 'S=5000,W=5200')}`);
    const keeper = openKeeper(connectionTo(dovecot, 'ann'));
    const mirror = new MemoryMirror(keeper);
    await mirror.sync();
    const wanted = Array.from({ length: 150 }, (_, i) => `m${i + 1}`);
    expect(mirror.subjects().toSpliced(120, 1)).toEqual(wanted.toSpliced(120, 1));
    expect([...mirror.messages.values()].filter(({ data }) => data.parseWarnings.length > 0)).toHaveLength(1);
    await keeper.close();
    await dovecot.stop();
  }, 30_000);
});
