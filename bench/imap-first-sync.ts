import { parseArgs } from 'node:util';
import { addAccount, imapInput, synchronised } from '../test/e2e/accounts.js';
import { until, type GatewayClient } from '../test/e2e/gateway-client.js';
import { startDovecot, type Dovecot } from '../test/servers/dovecot.js';
import { messageItems } from '../src/imap/imap.mapping.js';
import { openBare } from './lib/bare-imap.js';
import { FAST_FORMAT, fillInbox } from './lib/fill-mailbox.js';
import { BenchGateway } from './lib/gateway.js';
import { median } from './lib/statistics.js';
import { megabytes, printMachine, printTable, seconds } from './lib/table.js';

const PAGE = 50;
const DEADLINE_MS = 1_800_000;
/** Each question is work for the gateway, too. */
const PAUSE_MS = 250;

const micros = (ms: number): string => `${(ms * 1000).toFixed(0)} µs`;

interface Run {
  readonly firstPageMs: number;
  readonly wholeMs: number;
  readonly grownBytes: number;
  /** For all messages together. */
  readonly cpuMs: number;
  readonly databaseCpuMs: number;
}

/** A mailbox of 200,000 messages that the gateway has never seen, beside bare imapflow reading the same of it. */
export async function imapFirstSync(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { runs: { type: 'string', default: '3' }, messages: { type: 'string', default: '200000' } },
  });
  const messages = Number(values.messages);
  const dovecot = await startDovecot({ users: { small: 'secret', ann: 'secret' }, settings: FAST_FORMAT });
  try {
    await fillInbox(dovecot, 'small', 500);
    await fillInbox(dovecot, 'ann', messages);
    // The first to ask makes the server's cache of what it is asked for; it is not the one that is measured.
    await readBare(dovecot, messages);
    const floor: number[] = [];
    const runs: Run[] = [];
    for (let i = 0; i < Number(values.runs); i += 1) {
      floor.push(await readBare(dovecot, messages));
      runs.push(await measureGateway(dovecot, messages));
    }
    printMachine();
    console.log(`\nfirst synchronisation of ${messages} messages`);
    const rate = (ms: number): string => `${Math.round(messages / (ms / 1000))} messages/s`;
    const row = (what: string, target: string, all: readonly number[], show: (value: number) => string): string[] => [
      what,
      show(median(all)),
      target,
      all.map(show).join(' '),
    ];
    const whole = runs.map(({ wholeMs }) => wholeMs);
    const share = median(floor) / median(whole);
    printTable(
      ['what', 'median', 'target', 'runs'],
      [
        [...row('bare imapflow, the same items (floor)', '', floor, seconds)],
        ['  rate', rate(median(floor))],
        row(
          'gateway: first page readable after addAccount',
          '<= 2 s',
          runs.map((run) => run.firstPageMs),
          seconds,
        ),
        row('gateway: all synchronised', '', whole, seconds),
        ['  rate', rate(median(whole))],
        ['  rate against the floor', `${Math.round(share * 100)} %`, '>= 60 %'],
        row(
          'gateway: memory above before',
          '<= 64 MiB',
          runs.map((run) => run.grownBytes),
          megabytes,
        ),
        row(
          'gateway: CPU for each message',
          '',
          runs.map((run) => run.cpuMs / messages),
          micros,
        ),
        row(
          "gateway's Postgres: CPU for each message",
          '',
          runs.map((run) => run.databaseCpuMs / messages),
          micros,
        ),
      ],
    );
  } finally {
    await dovecot.stop();
  }
}

async function readBare(dovecot: Dovecot, messages: number): Promise<number> {
  const startedMs = performance.now();
  const flow = await openBare(dovecot, 'ann');
  let count = 0;
  for await (const _ of flow.fetch('1:*', messageItems)) count += 1;
  const elapsedMs = performance.now() - startedMs;
  await flow.logout();
  if (count !== messages) throw new Error(`bare imapflow read ${count} of ${messages}`);
  return elapsedMs;
}

const FIRST_PAGE = `query ($id: ID!, $first: Int) {
  messages(first: $first, filter: { accountIds: [$id] }) { nodes { id subject from { name address } receivedAt seen } } }`;
const STATUS = `query ($id: ID!) { account(id: $id) { mailboxes(specialUse: [INBOX]) { totalMessages sync { complete } } } }`;

interface Status {
  readonly account: {
    readonly mailboxes: readonly { readonly totalMessages: number; readonly sync: { readonly complete: boolean } }[];
  };
}

/** A process of its own for each run: the memory of an earlier one would hide what this one needs. */
async function measureGateway(dovecot: Dovecot, messages: number): Promise<Run> {
  const gateway = await BenchGateway.start(dovecot.caPem);
  const { client, gauge } = gateway;
  try {
    await synchronised(client, await addAccount(client, { imap: imapInput(dovecot, 'small') }));
    await gauge.quiet();
    const beforeBytes = await gauge.residentBytes();
    await gauge.resetPeak();
    const [cpuMs, databaseCpuMs] = [await gauge.cpuMs(), await gateway.databaseCpuMs()];
    const startedMs = performance.now();
    const id = await addAccount(client, { imap: imapInput(dovecot, 'ann') });
    const firstPageMs = await firstPage(client, id, startedMs);
    await until(
      () => client.query<Status>(STATUS, { id }),
      ({ account: { mailboxes } }) => mailboxes[0]?.sync.complete === true && mailboxes[0].totalMessages === messages,
      DEADLINE_MS,
      PAUSE_MS,
    );
    const wholeMs = performance.now() - startedMs;
    return {
      firstPageMs,
      wholeMs,
      grownBytes: (await gauge.peakBytes()) - beforeBytes,
      cpuMs: (await gauge.cpuMs()) - cpuMs,
      databaseCpuMs: (await gateway.databaseCpuMs()) - databaseCpuMs,
    };
  } finally {
    await gateway.stop();
  }
}

async function firstPage(client: GatewayClient, id: string, startedMs: number): Promise<number> {
  await until(
    () => client.query<{ messages: { nodes: unknown[] } }>(FIRST_PAGE, { id, first: PAGE }),
    ({ messages }) => messages.nodes.length === PAGE,
    DEADLINE_MS,
  );
  return performance.now() - startedMs;
}
