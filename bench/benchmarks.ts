import { imapFirstSync } from './imap-first-sync.js';
import { imapFlags } from './imap-flags.js';
import { imapIdle } from './imap-idle.js';
import { imapNewMail } from './imap-new-mail.js';
import { pop3Download } from './pop3-download.js';
import { pop3Large } from './pop3-large.js';
import { pop3Poll } from './pop3-poll.js';

type Benchmark = (args: string[]) => Promise<void>;

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  'pop3-download': pop3Download,
  'pop3-large': pop3Large,
  'pop3-poll': pop3Poll,
  'imap-new-mail': imapNewMail,
  'imap-first-sync': imapFirstSync,
  'imap-idle': imapIdle,
  'imap-flags': imapFlags,
};

/** @returns the exit status: 0 when it could be measured, whatever came out */
export async function runBenchmark([name = '', ...args]: string[]): Promise<number> {
  const benchmark = BENCHMARKS[name];
  if (!benchmark) {
    console.error(`usage: script/bench ${Object.keys(BENCHMARKS).join('|')} [options]; see docs/benchmarks.md`);
    return 2;
  }
  await benchmark(args);
  return 0;
}
