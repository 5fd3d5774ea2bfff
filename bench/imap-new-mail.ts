import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { ImapFlow } from 'imapflow';
import { addAccount, imapInput, synchronised } from '../test/e2e/accounts.js';
import type { GatewayClient, Subscription } from '../test/e2e/gateway-client.js';
import { message } from '../test/factories/messages.js';
import { startDovecot, type Dovecot } from '../test/servers/dovecot.js';
import { keepIdle, openBare } from './lib/bare-imap.js';
import { DelayingProxy } from './lib/delaying-proxy.js';
import { BenchGateway } from './lib/gateway.js';
import { addImapAccounts, allOnline } from './lib/online.js';
import { ReadingLoad } from './lib/reading-load.js';
import { quantile } from './lib/statistics.js';
import { printMachine, printTable } from './lib/table.js';

const KEPT = 500;
const PAUSE_MS = 300;
const SUBSCRIPTION = 'subscription ($id: ID!) { messageAdded(accountIds: [$id]) { message { subject } } }';

interface Added {
  readonly messageAdded: { readonly message: { readonly subject: string } };
}

/** When a subscriber had the event, after each of two witnesses. */
interface Latency {
  /** EXISTS on a bare IDLE connection. Dovecot tells each connection in its own time, so this may be less than nothing. */
  readonly afterBareMs: number;
  /** The first EXISTS on the gateway's own connections: what the gateway alone takes. */
  readonly afterOwnMs: number;
}

/** From the moment a bare IDLE connection hears of a new message until a subscriber of the gateway has its event. */
export async function imapNewMail(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      mails: { type: 'string', default: '100' },
      reads: { type: 'string', default: '20' },
      accounts: { type: 'string', default: '200' },
    },
  });
  const [mails, reads, accounts] = [Number(values.mails), Number(values.reads), Number(values.accounts)];
  const others = Array.from({ length: accounts - 1 }, (_, at) => `user${at}`);
  const dovecot = await startDovecot({
    users: Object.fromEntries(['ann', ...others].map((user) => [user, 'secret'])),
    specialUseMailboxes: 'no',
  });
  const proxy = await DelayingProxy.start(dovecot.imap.port, 0);
  const gateway = await BenchGateway.start(dovecot.caPem);
  const { client } = gateway;
  try {
    for (let i = 0; i < KEPT; i += 1) await dovecot.deliver('ann', message());
    const id = await addAccount(client, {
      imap: imapInput(dovecot, 'ann', { port: proxy.port, security: 'NONE' }),
    });
    await synchronised(client, id);
    const bench = await Announcements.open(dovecot, proxy, client, id);
    const rows = [...rowsOf('nobody reads', await bench.measure(mails))];
    const load = await ReadingLoad.start(client, id, reads);
    rows.push(...rowsOf(`${reads} lists and bodies read a second`, await bench.measure(mails)));
    const read = await load.stop();
    await addImapAccounts(client, dovecot, others);
    await allOnline(client, accounts);
    await gateway.gauge.quiet();
    rows.push(...rowsOf(`${accounts} accounts connected`, await bench.measure(mails)));
    await bench.close();
    printMachine();
    console.log(`\n${mails} messages each: from EXISTS on a bare IDLE connection to the event at a WebSocket`);
    printTable(['while', 'p50', 'target', 'p99', 'target', 'most'], rows);
    console.log(`\nthe reads meanwhile: ${read}`);
    const inotify = Number(await readFile('/proc/sys/fs/inotify/max_user_instances', 'utf8'));
    if (inotify < 2 * accounts)
      console.log(
        `fs.inotify.max_user_instances is ${inotify}: Dovecot's other connections look for mail once a second`,
      );
  } finally {
    await gateway.stop();
    await proxy.close();
    await dovecot.stop();
  }
}

function rowsOf(what: string, latencies: readonly Latency[]): string[][] {
  const show = (ms: number): string => `${ms.toFixed(1)} ms`;
  const row = (name: string, all: readonly number[], targets = { p50: '', p99: '' }): string[] => [
    name,
    show(quantile(all, 0.5)),
    targets.p50,
    show(quantile(all, 0.99)),
    targets.p99,
    show(quantile(all, 1)),
  ];
  const bare = latencies.map(({ afterBareMs }) => afterBareMs);
  const own = latencies.map(({ afterOwnMs }) => afterOwnMs);
  return [
    row(what, bare, { p50: '<= 50 ms', p99: '<= 200 ms' }),
    row("  after EXISTS on the gateway's own connection", own),
  ];
}

class Announcements {
  private delivered = 0;

  private constructor(
    private readonly dovecot: Dovecot,
    private readonly proxy: DelayingProxy,
    private readonly bare: ImapFlow,
    private readonly subscription: Subscription<Added>,
  ) {}

  static async open(dovecot: Dovecot, proxy: DelayingProxy, client: GatewayClient, id: string): Promise<Announcements> {
    const bare = await openBare(dovecot, 'ann');
    await keepIdle(bare);
    const bench = new Announcements(dovecot, proxy, bare, client.subscribe<Added>(SUBSCRIPTION, { id }));
    // The stream has begun when it announces something.
    const begun = bench.subscription.next().then(() => true);
    const again = (): Promise<boolean> => bench.deliver().then(() => delay(2_000, false));
    while (!(await Promise.race([begun, again()])));
    await delay(3_000);
    return bench;
  }

  async measure(mails: number): Promise<Latency[]> {
    const latencies: Latency[] = [];
    for (let i = 0; i < mails; i += 1) {
      const heard = once(this.bare, 'exists').then(() => performance.now());
      const subject = `news ${this.delivered + 1}`;
      const told = this.subscription
        .next(({ messageAdded }) => messageAdded.message.subject === subject)
        .then(() => performance.now());
      // Also the EXISTS of a SELECT would count; the gateway has INBOX selected already.
      const own = this.proxy.hears(/^\* \d+ EXISTS\r$/m);
      await this.deliver();
      const [heardAt, ownAt, toldAt] = await Promise.all([heard, own, told]);
      latencies.push({ afterBareMs: toldAt - heardAt, afterOwnMs: toldAt - ownAt });
      // At no fixed distance from the one before.
      await delay(Math.random() * PAUSE_MS);
    }
    return latencies;
  }

  async close(): Promise<void> {
    await this.subscription.close();
    this.bare.close();
  }

  private async deliver(): Promise<void> {
    this.delivered += 1;
    await this.dovecot.deliver('ann', message({ subject: `news ${this.delivered}` }));
  }
}
