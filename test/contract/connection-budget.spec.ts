import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ConnectionBudget } from '../../src/accounts/connection-budget.js';
import type { Config } from '../../src/config/config.js';
import type { AccountConnection } from '../../src/mailbox/connection.port.js';
import type { ServerKeeper } from '../../src/mailbox/keeper.port.js';
import type { AccountId } from '../../src/mailbox/model/ids.js';
import { Pop3Client } from '../../src/pop3/pop3.client.js';
import { ScriptedServer, type ScriptedPeer } from '../servers/scripted-server.js';
import { openKeeper, plainConnectionTo, signal, until } from './imap-account.js';

/** How many clients are between their connection and the end of their sign-in. */
class Doorway {
  now = 0;
  most = 0;
  signedIn = 0;

  enter(): void {
    this.now += 1;
    this.most = Math.max(this.most, this.now);
  }

  leave(): void {
    this.now -= 1;
    this.signedIn += 1;
  }
}

const signInMs = 15;
const watched: ServerKeeper[] = [];

/** Signs in slowly and accepts everything. */
const imapScript = (door: Doorway) => async (peer: ScriptedPeer) => {
  door.enter();
  await peer.send('* OK [CAPABILITY IMAP4rev1 IDLE] hello\r\n');
  for (let line = await peer.nextLine(); line !== undefined; line = await peer.nextLine()) {
    const [tag, command] = line.split(' ');
    if (command === 'LOGIN') await pause(signInMs);
    if (command === 'LOGIN') door.leave();
    if (command === 'EXAMINE' || command === 'SELECT') await peer.send('* 0 EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n');
    if (command === 'LIST') await peer.send('* LIST () "/" INBOX\r\n');
    if (command === 'CAPABILITY') await peer.send('* CAPABILITY IMAP4rev1 IDLE\r\n');
    if (command === 'IDLE') await peer.send('+ idling\r\n');
    else if (line !== 'DONE') await peer.send(`${tag} OK\r\n`);
  }
};

const pop3Script = (door: Doorway) => async (peer: ScriptedPeer) => {
  door.enter();
  await peer.send('+OK hello\r\n');
  for (let line = await peer.nextLine(); line !== undefined; line = await peer.nextLine()) {
    const [command] = line.split(' ');
    if (command === 'PASS') await pause(signInMs);
    if (command === 'PASS') door.leave();
    await peer.send(command === 'CAPA' ? '-ERR\r\n' : '+OK\r\n');
  }
};

describe('a mail server with many accounts', () => {
  let door: Doorway;
  let imap: ScriptedServer;
  let pop3: ScriptedServer;
  let budget: ConnectionBudget;

  beforeEach(async () => {
    door = new Doorway();
    imap = await ScriptedServer.start(imapScript(door));
    pop3 = await ScriptedServer.start(pop3Script(door));
    const connections = { connections: 1_000, connectionsPerHost: 1_000, signIns: 50, signInsPerHost: 5 };
    budget = new ConnectionBudget({ connections } as Config);
  });
  afterEach(async () => {
    await Promise.all(watched.splice(0).map((keeper) => keeper.close()));
    await Promise.all([imap.close(), pop3.close()]);
  });

  const account = (server: ScriptedServer, name: string): AccountConnection => {
    const accountId = name as AccountId;
    return plainConnectionTo(server, {
      accountId,
      admit: (abort) => budget.admit({ host: 'localhost', accountId }, abort),
    });
  };

  it('is not stormed by either protocol, not after it was away either, and every account comes back', async () => {
    const count = 40;
    const ready: number[] = [];
    const stop = new AbortController();
    const runs = Array.from({ length: count }, async (_, i) => {
      const keeper = openKeeper(account(imap, `imap${i}`));
      watched.push(keeper);
      // As the gateway does: watch again when the connection is lost.
      while (!stop.signal.aborted) {
        const onReady = (): void => void (ready[i] = (ready[i] ?? 0) + 1);
        await keeper.watch(() => undefined, onReady, stop.signal).catch(() => undefined);
      }
    });
    const visits = Array.from({ length: count }, async (_, i) => {
      const client = await Pop3Client.connect(account(pop3, `pop3${i}`), { signal: signal() });
      await client.quit();
    });
    await Promise.all(visits);
    await until(() => ready.filter((times) => times >= 1).length === count, 'the first sign-in of all');
    expect(door.most).toBeLessThanOrEqual(5);
    expect(door.signedIn).toBe(2 * count);

    for (let i = 0; i < count; i += 1) imap.peer(i).reset();
    await until(() => ready.filter((times) => times >= 2).length === count, 'the return of all');
    expect(door.most).toBe(5);
    expect(door.signedIn).toBe(3 * count);
    stop.abort();
    await Promise.all(runs);
  }, 20_000);

  it('sees one sign-in of an account at a time, however many want one', async () => {
    const keeper = openKeeper(account(imap, 'ann'));
    watched.push(keeper);
    await Promise.all([1, 2, 3, 4].map(() => keeper.listMailboxes(signal())));
    expect(door.most).toBe(1);
    expect(door.signedIn).toBeLessThanOrEqual(2);
  });

  it('is left alone while its connections are all taken, and the caller is told by its own deadline', async () => {
    budget = new ConnectionBudget({
      connections: { connections: 10, connectionsPerHost: 1, signIns: 10, signInsPerHost: 10 },
    } as Config);
    const first = openKeeper(account(imap, 'ann'));
    await first.listMailboxes(signal());
    const second = openKeeper(account(imap, 'bob'));
    watched.push(second);
    await expect(second.listMailboxes(AbortSignal.timeout(100))).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      retryable: true,
    });
    expect(door.signedIn).toBe(1);
    await first.close();
    expect(await second.listMailboxes(signal())).toHaveLength(1);
  });
});
