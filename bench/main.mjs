// Makes the folder that all servers of a run stand in, runs one benchmark, and leaves nothing behind, Ctrl-C included.
import { makeRunDirectory, removeRunDirectory, sweepRunDirectories } from '../test/setup/run-directory.mjs';

sweepRunDirectories();
process.env.MAILROOM_TEST_RUN = makeRunDirectory();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(130));
process.once('exit', () => removeRunDirectory(process.env.MAILROOM_TEST_RUN));

const { runBenchmark } = await import('./benchmarks.ts');
process.exitCode = await runBenchmark(process.argv.slice(2));
