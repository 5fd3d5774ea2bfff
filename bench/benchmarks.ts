import { pop3Download } from './pop3-download.js';

type Benchmark = (args: string[]) => Promise<void>;

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  'pop3-download': pop3Download,
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
