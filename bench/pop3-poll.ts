import { parseArgs } from 'node:util';
import { message } from '../test/factories/messages.js';
import { startDovecot } from '../test/servers/dovecot.js';
import { DelayingProxy } from './lib/delaying-proxy.js';
import { BenchGateway } from './lib/gateway.js';
import { addMaildrop, firstPoll } from './lib/pop3-account.js';
import { downloadRaw } from './lib/raw-pop3.js';
import { median } from './lib/statistics.js';
import { printMachine, printTable } from './lib/table.js';

const SYNC = `mutation ($id: ID!) { syncAccount(accountId: $id) { pop3 { downloaded durationMs } errors { code message } } }`;

interface Sync {
  readonly syncAccount: { readonly pop3: { readonly downloaded: number; readonly durationMs: number } | null };
}

/** A poll of 20,000 messages that are all here already. */
export async function pop3Poll(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { runs: { type: 'string', default: '5' }, messages: { type: 'string', default: '20000' } },
  });
  const messages = Number(values.messages);
  const dovecot = await startDovecot({ users: { ann: 'secret' } });
  const proxy = await DelayingProxy.start(dovecot.pop3.port, 0);
  const gateway = await BenchGateway.start(dovecot.caPem);
  try {
    for (let i = 0; i < messages; i += 1) await dovecot.deliver('ann', message());
    const maildrop = { port: proxy.port, user: 'ann', password: 'secret' };
    const id = await addMaildrop(gateway.client, maildrop);
    const { stored } = await firstPoll(gateway.client, id);
    if (stored !== messages) throw new Error(`${stored} of ${messages} stored`);
    await gateway.gauge.quiet();
    const floor: number[] = [];
    const polls: number[] = [];
    const cpu: number[] = [];
    proxy.resetCounts();
    for (let i = 0; i < Number(values.runs); i += 1) {
      const before = await gateway.gauge.cpuMs();
      const { syncAccount } = await gateway.client.query<Sync>(SYNC, { id });
      if (syncAccount.pop3?.downloaded !== 0)
        throw new Error(`not a poll without news: ${JSON.stringify(syncAccount)}`);
      polls.push(syncAccount.pop3.durationMs);
      cpu.push((await gateway.gauge.cpuMs()) - before);
    }
    const uidls = proxy.commandCount('UIDL') / polls.length;
    const others = ['STAT', 'LIST', 'TOP', 'RETR'].map((word) => `${proxy.commandCount(word) / polls.length} ${word}`);
    for (let i = 0; i < Number(values.runs); i += 1) floor.push(await downloadRaw(maildrop, 0));
    printMachine();
    console.log(`\n${messages} messages in the maildrop, nothing new`);
    const milliseconds = (values_: readonly number[]): string => `${median(values_).toFixed(0)} ms`;
    const list = (values_: readonly number[]): string => values_.map((ms) => ms.toFixed(0)).join(' ');
    printTable(
      ['what', 'median', 'target', 'runs'],
      [
        ['bare socket: sign in, LIST, UIDL, QUIT (floor)', milliseconds(floor), '', list(floor)],
        ['gateway: poll', milliseconds(polls), '<= 300 ms', list(polls)],
        ['gateway: CPU time of its process', milliseconds(cpu), '', list(cpu)],
        ['gateway: UIDL in each poll', `${uidls}`, '1', others.join(', ')],
      ],
    );
  } finally {
    await gateway.stop();
    await proxy.close();
    await dovecot.stop();
  }
}
