import { existsSync, mkdtempSync, chmodSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PREFIX = 'mailroom-test-';
/** Where servers of the tests write the number of their first process. */
const PID_FILES = [join('postgres', 'data', 'postmaster.pid'), join('run', 'master.pid')];

/** One directory for all servers of one run of jest. Others may enter it: under root the servers run as other users. */
export function makeRunDirectory() {
  const directory = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
  chmodSync(directory, 0o755);
  return directory;
}

/** Ends the servers that still run in it, at once, and deletes it. */
export function removeRunDirectory(directory) {
  const homes = [directory, ...readdirSync(directory).map((name) => join(directory, name))];
  for (const file of homes.flatMap((home) => PID_FILES.map((pidFile) => join(home, pidFile)))) {
    if (existsSync(file)) endServer(Number.parseInt(readFileSync(file, 'utf8'), 10));
  }
  rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

/** What runs of jest left behind that were killed. */
export function sweepRunDirectories() {
  for (const name of readdirSync(tmpdir())) {
    const owner = name.startsWith(PREFIX) ? Number.parseInt(name.slice(PREFIX.length), 10) : Number.NaN;
    if (Number.isNaN(owner) || isAlive(owner)) continue;
    try {
      removeRunDirectory(join(tmpdir(), name));
    } catch (error) {
      console.warn(`${join(tmpdir(), name)} of an earlier run stays: ${error.message}`);
    }
  }
}

// To Postgres SIGQUIT means: end now, all of you, without writing what is in memory. To Dovecot: nothing, hence SIGKILL.
function endServer(pid) {
  for (const signal of ['SIGQUIT', 'SIGKILL']) {
    const deadline = Date.now() + 1_000;
    if (isAlive(pid)) process.kill(pid, signal);
    while (isAlive(pid) && Date.now() < deadline) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
