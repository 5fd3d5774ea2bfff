import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Client } from 'pg';
import { addAccount, imapInput, synchronised } from '../test/e2e/accounts.js';
import { startDovecot, type Dovecot } from '../test/servers/dovecot.js';
import { keepIdle, openBare } from './lib/bare-imap.js';
import { DelayingProxy } from './lib/delaying-proxy.js';
import { FAST_FORMAT, fillInbox } from './lib/fill-mailbox.js';
import { BenchGateway } from './lib/gateway.js';
import { median, quantile } from './lib/statistics.js';
import { printMachine, printTable } from './lib/table.js';

const SMALL = 1_000;
const SYNC_MS = 1_800_000;
const PAUSE_MS = 300;
/** Sessions of Postgres report what they read when they have been idle for ten seconds. */
const STATISTICS_MS = 12_000;
const TABLES = ['message', 'mailbox', 'change'];

const SUBSCRIPTION = `subscription ($id: ID!) { changes(accountIds: [$id], types: [MESSAGE_UPDATED]) {
  ... on MessageUpdated { message { id flagged } } } }`;
const NEWEST = 'query ($id: ID!) { messages(first: 1, filter: { accountIds: [$id] }) { nodes { id } } }';
const FLAG = `mutation ($id: ID!, $seen: Boolean!) {
  updateMessages(input: { ids: [$id], seen: $seen }) { errors { code } failures { id } } }`;

interface Measured {
  /** From the bare connection's FETCH to the subscriber's event. */
  readonly afterBareMs: number[];
  /** From the first FETCH on the gateway's own connections: what the gateway alone takes. */
  readonly afterOwnMs: number[];
  /** Of a change that is made through the API. */
  readonly madeMs: number[];
  /** For each change, per table. */
  readonly rowsRead: ReadonlyMap<string, number>;
}

/** A flag changed by another client in a mailbox of 200,000 with CONDSTORE; a small mailbox beside it shows what depends on size. */
export async function imapFlags(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { changes: { type: 'string', default: '30' }, messages: { type: 'string', default: '200000' } },
  });
  const sizes = [SMALL, Number(values.messages)];
  const users = Object.fromEntries(sizes.map((size) => [`user${size}`, 'secret']));
  const dovecot = await startDovecot({ users, settings: FAST_FORMAT, specialUseMailboxes: 'no' });
  const proxy = await DelayingProxy.start(dovecot.imap.port, 0);
  const gateway = await BenchGateway.start(dovecot.caPem);
  try {
    const rows: string[][] = [];
    for (const size of sizes) {
      await fillInbox(dovecot, `user${size}`, size);
      const id = await addAccount(gateway.client, {
        imap: imapInput(dovecot, `user${size}`, { port: proxy.port, security: 'NONE' }),
      });
      await synchronised(gateway.client, id, SYNC_MS);
      await gateway.gauge.quiet();
      const { afterBareMs, afterOwnMs, madeMs, rowsRead } = await measure(dovecot, gateway, proxy, {
        id,
        size,
        changes: Number(values.changes),
      });
      const show = (all: readonly number[]): string =>
        `${median(all).toFixed(1)} / ${quantile(all, 0.99).toFixed(1)} ms`;
      rows.push([
        `${size}`,
        show(afterBareMs),
        show(afterOwnMs),
        show(madeMs),
        ...TABLES.map((table) => (rowsRead.get(table) ?? 0).toFixed(1)),
      ]);
    }
    printMachine();
    console.log(
      `\n${values.changes} flag changes by another client, p50 / p99; target <= 50 ms, rows read the same for both`,
    );
    printTable(
      [
        'messages',
        'told',
        "after the gateway's own FETCH",
        'made by the API',
        ...TABLES.map((table) => `rows read of ${table}`),
      ],
      rows,
    );
  } finally {
    await gateway.stop();
    await proxy.close();
    await dovecot.stop();
  }
}

async function measure(
  dovecot: Dovecot,
  gateway: BenchGateway,
  proxy: DelayingProxy,
  { id, size, changes }: { id: string; size: number; changes: number },
): Promise<Measured> {
  const user = `user${size}`;
  const { client } = gateway;
  const [listener, changer] = [await openBare(dovecot, user), await openBare(dovecot, user)];
  await changer.mailboxOpen('INBOX');
  await keepIdle(listener);
  const subscription = client.subscribe(SUBSCRIPTION, { id });
  await delay(1_000);
  // Previews are still being read after a first synchronisation.
  await gateway.gauge.quiet();
  const database = await gateway.connectToDatabase();
  const afterBareMs: number[] = [];
  const afterOwnMs: number[] = [];
  const madeMs: number[] = [];
  try {
    // Else Postgres does it by itself meanwhile, and reads thousands of rows of the log for the index of its times (BRIN).
    await database.query('VACUUM (ANALYZE)');
    await delay(STATISTICS_MS);
    const before = await readsOf(database);
    for (let i = 0; i < changes; i += 1) {
      const heard = once(listener, 'flags').then(() => performance.now());
      const told = subscription.next().then(() => performance.now());
      const own = proxy.hears(/^\* \d+ FETCH \(.*\\Flagged/m);
      const uid = 1 + Math.floor(((i + 0.5) * size) / changes);
      await changer.messageFlagsAdd(String(uid), ['\\Flagged'], { uid: true });
      const [heardAt, ownAt, toldAt] = await Promise.all([heard, own, told]);
      afterBareMs.push(toldAt - heardAt);
      afterOwnMs.push(toldAt - ownAt);
      await delay(Math.random() * PAUSE_MS);
    }
    await delay(STATISTICS_MS);
    const after = await readsOf(database);
    const { messages } = await client.query<{ messages: { nodes: { id: string }[] } }>(NEWEST, { id });
    for (let i = 0; i < changes; i += 1) {
      const startedMs = performance.now();
      await client.query(FLAG, { id: messages.nodes[0]?.id, seen: i % 2 === 0 });
      madeMs.push(performance.now() - startedMs);
    }
    const rowsRead = new Map(
      TABLES.map((table) => [table, ((after.get(table) ?? 0) - (before.get(table) ?? 0)) / changes]),
    );
    return { afterBareMs, afterOwnMs, madeMs, rowsRead };
  } finally {
    await database.end();
    await subscription.close();
    for (const flow of [listener, changer]) flow.close();
  }
}

/** Rows that were fetched by index, or passed over in a scan of the whole table, since the database was made. */
async function readsOf(database: Client): Promise<Map<string, number>> {
  const { rows } = await database.query<{ relname: string; reads: string }>(
    'SELECT relname, coalesce(idx_tup_fetch, 0) + coalesce(seq_tup_read, 0) AS reads FROM pg_stat_user_tables',
  );
  return new Map(rows.map(({ relname, reads }) => [relname, Number(reads)]));
}
