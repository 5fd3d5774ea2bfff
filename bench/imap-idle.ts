import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { until } from '../test/e2e/gateway-client.js';
import { message } from '../test/factories/messages.js';
import { startDovecot, type Dovecot } from '../test/servers/dovecot.js';
import { BareIdlers } from './lib/bare-idlers.js';
import { BenchGateway } from './lib/gateway.js';
import { addImapAccounts, allOnline, countOnline } from './lib/online.js';
import type { ProcessGauge } from './lib/process-gauge.js';
import { printMachine, printTable, seconds } from './lib/table.js';

/** These come first: what the first connections cost once is not what one more costs. */
const WARM = 20;
/** Before the others come; the gateway gives back what it does not need once a minute. */
const MOST_REST_BEFORE_MS = 120_000;
const SAMPLES = 60;
const DOWN_MS = 3_000;
const KIB = 1024;

/** A process for each connection, of which an account may have three for a while. */
const MANY_CONNECTIONS = {
  default_process_limit: '10000',
  default_client_limit: '20000',
  default_vsz_limit: '2G',
  'service/imap/process_limit': '10000',
};

interface AtRest {
  readonly bytesPerAccount: number;
  /** Of one core. */
  readonly cpuShare: number;
}

/** Accounts on which nothing happens: their memory beside bare imapflow objects in IDLE, and their return after a restart. */
export async function imapIdle(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      accounts: { type: 'string', default: '1000' },
      // The gateway keeps a connection for commands for up to four minutes after the last one.
      'rest-seconds': { type: 'string', default: '300' },
    },
  });
  const accounts = Number(values.accounts);
  const restMs = Number(values['rest-seconds']) * 1_000;
  const users = Array.from({ length: WARM + accounts }, (_, at) => `user${at}`);
  const dovecot = await startDovecot({
    users: Object.fromEntries(users.map((user) => [user, 'secret'])),
    specialUseMailboxes: 'no',
    settings: MANY_CONNECTIONS,
  });
  try {
    for (const user of users) await dovecot.deliver(user, message());
    const bare = await measureBare(dovecot, users, Math.min(restMs, 60_000));
    const gateway = await BenchGateway.start(dovecot.caPem);
    try {
      const { connectedMs, ...atRest } = await measureGateway(gateway, dovecot, users, restMs);
      const back = await measureReturn(gateway, dovecot, users.length);
      printMachine();
      console.log(`\n${accounts} idle accounts over TLS`);
      printTable(
        ['what', 'measured', 'target'],
        rowsOf(bare, atRest, { accounts: users.length, connectedMs, ...back }),
      );
    } finally {
      await gateway.stop();
    }
  } finally {
    await dovecot.stop();
  }
}

interface Connections {
  readonly accounts: number;
  readonly connectedMs: number;
  readonly backMs: number;
  readonly signInsPerSecond: number;
}

function rowsOf(bare: AtRest, gateway: AtRest, connections: Connections): string[][] {
  const kib = (bytes: number): string => `${(bytes / KIB).toFixed(0)} KiB`;
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  const { accounts, connectedMs, backMs, signInsPerSecond } = connections;
  return [
    ['bare imapflow in IDLE: memory each (floor)', kib(bare.bytesPerAccount)],
    ['bare imapflow in IDLE: CPU of one core', percent(bare.cpuShare)],
    ['gateway: memory for each account', kib(gateway.bytesPerAccount)],
    ['  times the floor', (gateway.bytesPerAccount / bare.bytesPerAccount).toFixed(2), '<= 1.3'],
    ['gateway: CPU of one core, at rest', percent(gateway.cpuShare), '<= 5 %'],
    [`gateway: until all ${accounts} are online`, seconds(connectedMs)],
    ['gateway: until all are back after the server restarted', seconds(backMs)],
    ['  most sign-ins in a second meanwhile', `${signInsPerSecond}`],
  ];
}

async function measureBare(dovecot: Dovecot, users: readonly string[], restMs: number): Promise<AtRest> {
  const idlers = BareIdlers.start(dovecot);
  try {
    await idlers.add(users.slice(0, WARM));
    const beforeBytes = await restingBytes(idlers.gauge, restMs);
    await idlers.add(users.slice(WARM));
    return await measureRest(idlers.gauge, { beforeBytes, restMs, accounts: users.length - WARM });
  } finally {
    await idlers.stop();
  }
}

async function measureGateway(
  { client, gauge }: BenchGateway,
  dovecot: Dovecot,
  users: readonly string[],
  restMs: number,
): Promise<AtRest & { readonly connectedMs: number }> {
  await addImapAccounts(client, dovecot, users.slice(0, WARM));
  await allOnline(client, WARM);
  const beforeBytes = await restingBytes(gauge, restMs);
  const startedMs = performance.now();
  await addImapAccounts(client, dovecot, users.slice(WARM));
  await allOnline(client, users.length);
  const connectedMs = performance.now() - startedMs;
  return { connectedMs, ...(await measureRest(gauge, { beforeBytes, restMs, accounts: users.length - WARM })) };
}

/** As those that come are measured, too: what a process gives back when it rests is no gain of theirs. */
async function restingBytes(gauge: ProcessGauge, restMs: number): Promise<number> {
  await gauge.quiet();
  await delay(Math.min(restMs, MOST_REST_BEFORE_MS));
  return meanOfAMinute(gauge);
}

/** V8's heap grows until it collects: any one moment says little. */
async function meanOfAMinute(gauge: ProcessGauge): Promise<number> {
  let sum = 0;
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    sum += await gauge.residentBytes();
    await delay(60_000 / SAMPLES);
  }
  return sum / SAMPLES;
}

/** Both are those of a whole minute, in which each account has its turn at whatever is done once a minute. */
async function measureRest(
  gauge: ProcessGauge,
  { beforeBytes, restMs, accounts }: { beforeBytes: number; restMs: number; accounts: number },
): Promise<AtRest> {
  await delay(restMs);
  const [cpuMs, startedMs] = [await gauge.cpuMs(), performance.now()];
  const atRestBytes = await meanOfAMinute(gauge);
  const cpuShare = ((await gauge.cpuMs()) - cpuMs) / (performance.now() - startedMs);
  return { cpuShare, bytesPerAccount: (atRestBytes - beforeBytes) / accounts };
}

async function measureReturn(
  { client }: BenchGateway,
  dovecot: Dovecot,
  accounts: number,
): Promise<{ backMs: number; signInsPerSecond: number }> {
  await dovecot.down();
  await until(
    () => countOnline(client),
    (online) => online === 0,
    60_000,
  );
  await delay(DOWN_MS);
  const before = (await dovecot.logTail(Infinity)).length;
  await dovecot.up();
  const startedMs = performance.now();
  await allOnline(client, accounts);
  const backMs = performance.now() - startedMs;
  return { backMs, signInsPerSecond: mostInASecond((await dovecot.logTail(Infinity)).slice(before)) };
}

/** By the server's log, whose lines begin with the time to the second. */
function mostInASecond(log: string): number {
  const perSecond = new Map<string, number>();
  for (const [, at = ''] of log.matchAll(/^(\w+ \d+ [\d:]+) imap-login: Info: Login: /gm))
    perSecond.set(at, (perSecond.get(at) ?? 0) + 1);
  return Math.max(0, ...perSecond.values());
}
