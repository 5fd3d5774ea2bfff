import { parseArgs } from 'node:util';
import { messageWithAttachment } from '../test/factories/messages.js';
import { startDovecot, type Dovecot } from '../test/servers/dovecot.js';
import { DelayingProxy } from './lib/delaying-proxy.js';
import { BenchGateway } from './lib/gateway.js';
import { addMaildrop, firstPoll, removeAccount } from './lib/pop3-account.js';
import { isInstalled, PEERS, runPeer } from './lib/pop3-peers.js';
import { downloadRaw, type Maildrop } from './lib/raw-pop3.js';
import { median } from './lib/statistics.js';
import { megabytes, printMachine, printTable, seconds } from './lib/table.js';

const MESSAGES = 2_000;
/** In base64 and with its header, a message of 20 KB. */
const ATTACHMENT_BYTES = 14_100;
/** What takes longer is not run again for the sake of a median. */
const SLOW_MS = 15_000;
const TARGETS: Readonly<Record<number, string>> = { 0: '<= 1.2 s', 20: '<= 1.6 s' };
const TARGET_RSS = '<= 200 MiB';

interface Options {
  readonly runs: number;
  readonly roundTripsMs: readonly number[];
  readonly peers: boolean;
  readonly peerDeadlineMs: number;
}

/** 2,000 messages of 20 KB that stay on the server: the gateway, a bare socket, and what else downloads by POP3. */
export async function pop3Download(args: string[]): Promise<void> {
  const options = parse(args);
  const dovecot = await startDovecot({ users: { ann: 'secret' } });
  try {
    for (let i = 0; i < MESSAGES; i += 1) await dovecot.deliver('ann', messageWithAttachment(ATTACHMENT_BYTES));
    // The first session moves the mail from new/ to cur/, and sets flags; what is measured comes after it.
    await downloadRaw({ port: dovecot.pop3.port, user: 'ann', password: 'secret' }, MESSAGES);
    printMachine();
    for (const roundTripMs of options.roundTripsMs) await atRoundTrip(dovecot, roundTripMs, options);
  } finally {
    await dovecot.stop();
  }
}

function parse(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: 'string', default: '5' },
      rtt: { type: 'string', default: '0,20' },
      'no-peers': { type: 'boolean', default: false },
      'peer-seconds': { type: 'string', default: '60' },
    },
  });
  return {
    runs: Number(values.runs),
    roundTripsMs: values.rtt.split(',').map(Number),
    peers: !values['no-peers'],
    peerDeadlineMs: Number(values['peer-seconds']) * 1_000,
  };
}

async function atRoundTrip(dovecot: Dovecot, roundTripMs: number, options: Options): Promise<void> {
  const proxy = roundTripMs > 0 ? await DelayingProxy.start(dovecot.pop3.port, roundTripMs) : undefined;
  const maildrop = { port: proxy?.port ?? dovecot.pop3.port, user: 'ann', password: 'secret' };
  try {
    const floor = await repeat(options.runs, () => downloadRaw(maildrop, MESSAGES));
    const gateway = await measureGateway(dovecot, maildrop, options.runs);
    const ratio = (ms: number): string => (ms / median(floor)).toFixed(1);
    const row = (name: string, runs: readonly number[], target = ''): string[] => [
      name,
      seconds(median(runs)),
      ratio(median(runs)),
      target,
      runs.map((ms) => (ms / 1000).toFixed(2)).join(' '),
    ];
    const rows = [
      row('bare socket, pipelined, nothing kept (floor)', floor),
      row('gateway: addAccount until lastPoll is there', gateway.wholeMs),
      row('gateway: lastPoll.durationMs', gateway.pollMs, TARGETS[roundTripMs]),
      [
        'gateway: most memory (RSS)',
        megabytes(median(gateway.peakBytes)),
        '',
        TARGET_RSS,
        each(gateway.peakBytes, megabytes),
      ],
      ['gateway: busy after the poll', seconds(median(gateway.busyMs)), '', '', each(gateway.busyMs, seconds)],
      ...(options.peers ? await peerRows(maildrop, options, row) : []),
    ];
    console.log(`\n${MESSAGES} messages of 20 KB, kept on the server, at a round trip of ${roundTripMs} ms`);
    printTable(['what', 'median', 'x floor', 'target', 'runs'], rows);
  } finally {
    await proxy?.close();
  }
}

const each = (values: readonly number[], show: (value: number) => string): string => values.map(show).join(' ');

async function repeat<T>(times: number, work: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let i = 0; i < times; i += 1) results.push(await work());
  return results;
}

interface GatewayRuns {
  readonly wholeMs: number[];
  readonly pollMs: number[];
  readonly peakBytes: number[];
  readonly busyMs: number[];
}

/** One gateway for all runs, as it serves for months; each run is an account of its own. The first finds it just started. */
async function measureGateway(dovecot: Dovecot, maildrop: Maildrop, times: number): Promise<GatewayRuns> {
  const gateway = await BenchGateway.start(dovecot.caPem);
  const runs: GatewayRuns = { wholeMs: [], pollMs: [], peakBytes: [], busyMs: [] };
  try {
    for (let i = 0; i < times; i += 1) {
      await gateway.gauge.quiet();
      await gateway.gauge.resetPeak();
      const startedMs = performance.now();
      const id = await addMaildrop(gateway.client, maildrop);
      const { downloaded, stored, durationMs } = await firstPoll(gateway.client, id);
      runs.wholeMs.push(performance.now() - startedMs);
      runs.pollMs.push(durationMs);
      if (downloaded !== MESSAGES || stored !== MESSAGES) throw new Error(`${downloaded} downloaded, ${stored} stored`);
      runs.busyMs.push(await gateway.gauge.quiet());
      runs.peakBytes.push(await gateway.gauge.peakBytes());
      await removeAccount(gateway.client, id);
    }
    return runs;
  } finally {
    await gateway.stop();
  }
}

async function peerRows(
  maildrop: Maildrop,
  { runs, peerDeadlineMs }: Options,
  row: (name: string, runs: readonly number[]) => string[],
): Promise<string[][]> {
  const rows: string[][] = [];
  for (const peer of PEERS) {
    if (!(await isInstalled(peer.program))) {
      rows.push([peer.name, 'not here', '', '', `apt-get install --no-install-recommends ${peer.debian}`]);
      continue;
    }
    const taken: number[] = [];
    let gaveUp = '';
    while (taken.length < runs && !gaveUp) {
      const ms = await runPeer(peer, maildrop, { messages: MESSAGES, deadlineMs: peerDeadlineMs }).catch(String);
      if (ms === undefined) gaveUp = `> ${peerDeadlineMs / 1000} s`;
      else if (typeof ms === 'string') gaveUp = ms;
      else taken.push(ms);
      if (typeof ms === 'number' && ms > SLOW_MS) break;
    }
    rows.push(gaveUp ? [peer.name, gaveUp] : row(peer.name, taken));
  }
  return rows;
}
