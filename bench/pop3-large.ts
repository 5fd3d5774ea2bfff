import { createHash, randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { message } from '../test/factories/messages.js';
import { startDovecot } from '../test/servers/dovecot.js';
import { DelayingProxy } from './lib/delaying-proxy.js';
import { BenchGateway } from './lib/gateway.js';
import { addMaildrop, firstPoll } from './lib/pop3-account.js';
import type { Maildrop } from './lib/raw-pop3.js';
import { median } from './lib/statistics.js';
import { megabytes, printMachine, printTable, seconds } from './lib/table.js';

const MIB = 1024 * 1024;
const LARGE_BYTES = 50 * MIB;
const TOO_LARGE_BYTES = 300 * MIB;
const LIMIT_BYTES = 100 * MIB;
const LINE_LENGTH = 76;

/** A message of 50 MB, exact and in little memory; one of 300 MB above the account's limit, which is left alone. */
export async function pop3Large(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { runs: { type: 'string', default: '5' } } });
  const dovecot = await startDovecot({ users: { small: 'secret', large: 'secret', huge: 'secret' } });
  const proxy = await DelayingProxy.start(dovecot.pop3.port, 0);
  const maildrop = (user: string): Maildrop => ({ port: proxy.port, user, password: 'secret' });
  try {
    for (let i = 0; i < 200; i += 1) await dovecot.deliver('small', message());
    const large = messageOf(LARGE_BYTES);
    await dovecot.deliver('large', large);
    await dovecot.deliver('huge', messageOf(TOO_LARGE_BYTES));
    const expected = createHash('sha256').update(large).digest('hex');
    const results: LargeRun[] = [];
    let skipped: string[][] = [];
    for (let i = 0; i < Number(values.runs); i += 1) {
      // Memory that a process once had it mostly keeps, so each run has a process of its own.
      const gateway = await BenchGateway.start(dovecot.caPem);
      try {
        // What is measured is what the large message adds, not the first use of code and connections.
        await firstPoll(gateway.client, await addMaildrop(gateway.client, maildrop('small')));
        results.push(await measureLarge(gateway, maildrop('large'), expected));
        skipped = await measureSkipped(gateway, maildrop('huge'), proxy);
      } finally {
        await gateway.stop();
      }
    }
    printMachine();
    printTable(['what', 'median', 'target', 'runs'], [...rowsOf(results), ...skipped]);
  } finally {
    await proxy.close();
    await dovecot.stop();
  }
}

/** With an attachment of random octets in base64, so that no piece of it equals another. */
function messageOf(sizeBytes: number): Buffer {
  const header = message({
    headers: ['MIME-Version: 1.0', 'Content-Type: application/octet-stream', 'Content-Transfer-Encoding: base64'],
    body: '',
  });
  const lines = Math.floor((sizeBytes - header.length) / (LINE_LENGTH + 2));
  const content = Buffer.alloc(lines * (LINE_LENGTH + 2), '\r\n', 'latin1');
  const text = randomBytes((lines * LINE_LENGTH * 3) / 4).toString('base64');
  for (let line = 0; line < lines; line += 1) {
    const at = line * (LINE_LENGTH + 2);
    content.write(text.slice(line * LINE_LENGTH, (line + 1) * LINE_LENGTH), at, 'latin1');
    content.write('\r\n', at + LINE_LENGTH, 'latin1');
  }
  return Buffer.concat([header, content]);
}

interface LargeRun {
  readonly durationMs: number;
  /** Above what the process had before: the most while it downloaded, and while it served the message as well. */
  readonly grownBytes: number;
  readonly grownByServingBytes: number;
  readonly exact: boolean;
}

async function measureLarge(gateway: BenchGateway, maildrop: Maildrop, expected: string): Promise<LargeRun> {
  const { client, gauge } = gateway;
  await gauge.quiet();
  const beforeBytes = await gauge.residentBytes();
  await gauge.resetPeak();
  const id = await addMaildrop(client, maildrop);
  const { durationMs } = await firstPoll(client, id);
  // The structure of the message is read once the poll is done.
  await gauge.quiet();
  const grownBytes = (await gauge.peakBytes()) - beforeBytes;
  const exact = (await digestOfRaw(gateway, id)) === expected;
  return { durationMs, grownBytes, grownByServingBytes: (await gauge.peakBytes()) - beforeBytes, exact };
}

function rowsOf(runs: readonly LargeRun[]): string[][] {
  const row = (what: string, target: string, values: readonly number[], show: (value: number) => string): string[] => [
    what,
    show(median(values)),
    target,
    values.map(show).join(' '),
  ];
  const grown = runs.map(({ grownBytes }) => grownBytes);
  const served = runs.map(({ grownByServingBytes }) => grownByServingBytes);
  const exact = runs.filter((run) => run.exact).length;
  return [
    row(
      `${megabytes(LARGE_BYTES)}: poll`,
      '',
      runs.map(({ durationMs }) => durationMs),
      seconds,
    ),
    row('  memory above before: poll and structure', '<= 32 MiB', grown, megabytes),
    row('  memory above before: and served by URL', '', served, megabytes),
    [
      '  SHA-256 of what is served by URL',
      exact === runs.length ? 'equal' : 'DIFFERS',
      'equal',
      `${exact} of ${runs.length}`,
    ],
  ];
}

const RAW = 'query ($id: ID!) { messages(first: 1, filter: { accountIds: [$id] }) { nodes { rawUrl } } }';

async function digestOfRaw({ client }: BenchGateway, id: string): Promise<string> {
  const { messages } = await client.query<{ messages: { nodes: { rawUrl: string }[] } }>(RAW, { id });
  const response = await fetch(messages.nodes[0]?.rawUrl ?? '');
  if (!response.ok || !response.body) throw new Error(`the download answered ${response.status}`);
  const hash = createHash('sha256');
  for await (const piece of response.body) hash.update(piece);
  return hash.digest('hex');
}

async function measureSkipped(gateway: BenchGateway, maildrop: Maildrop, proxy: DelayingProxy): Promise<string[][]> {
  proxy.resetCounts();
  const id = await addMaildrop(gateway.client, maildrop, { maxMessageBytes: LIMIT_BYTES });
  const { downloaded, skipped, durationMs } = await firstPoll(gateway.client, id);
  const asked = proxy.commandCount('RETR') + proxy.commandCount('TOP');
  return [
    [
      `${megabytes(TOO_LARGE_BYTES)}, limit ${megabytes(LIMIT_BYTES)}`,
      `${downloaded} downloaded, ${skipped} skipped`,
      '0, 1',
      `${durationMs} ms`,
    ],
    ['  octets that the server sent, all told', `${proxy.fromServerBytes}`, 'its LIST line', `${asked} RETR or TOP`],
  ];
}
