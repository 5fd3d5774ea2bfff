import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

const KIB = 1024;
/** What /proc/<pid>/stat counts CPU time in (sysconf(_SC_CLK_TCK), 100 on every Linux). */
const TICK_MS = 10;
const QUIET_WINDOW_MS = 500;

/** Of the process, and of its children that have ended. */
async function cpuTimesMs(pid: number): Promise<[own: number, ended: number]> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The second field is the name in brackets, which may hold spaces; utime, stime, cutime and cstime are fields 14 to 17.
  const [utime = 0, stime = 0, cutime = 0, cstime = 0] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 15)
    .map(Number);
  return [(utime + stime) * TICK_MS, (cutime + cstime) * TICK_MS];
}

/** Memory and CPU time of a process, all its threads included, by Linux's /proc (proc(5)). */
export class ProcessGauge {
  constructor(private readonly pid: number) {}

  /** Bytes of memory in use. */
  async residentBytes(): Promise<number> {
    return this.status('VmRSS');
  }

  /** The most bytes in use since {@link resetPeak}. */
  async peakBytes(): Promise<number> {
    return this.status('VmHWM');
  }

  async resetPeak(): Promise<void> {
    await writeFile(`/proc/${this.pid}/clear_refs`, '5');
  }

  async cpuMs(): Promise<number> {
    const [own] = await cpuTimesMs(this.pid);
    return own;
  }

  /** With the processes that it has started, those that have ended included. */
  async familyCpuMs(): Promise<number> {
    const [own, ended] = await cpuTimesMs(this.pid);
    const children = (await readFile(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8')).split(' ').filter(Boolean);
    // One may end just now.
    const theirs = await Promise.all(children.map((pid) => cpuTimesMs(Number(pid)).catch(() => [0])));
    return theirs.reduce((sum, [cpuMs = 0]) => sum + cpuMs, own + ended);
  }

  /** Waits until the process has next to nothing to do any more. @returns how long that took, in ms */
  async quiet(deadlineMs = 120_000): Promise<number> {
    const startedMs = performance.now();
    for (let before = await this.cpuMs(); ;) {
      await delay(QUIET_WINDOW_MS);
      const now = await this.cpuMs();
      const elapsedMs = performance.now() - startedMs;
      if (now - before <= 0.06 * QUIET_WINDOW_MS) return elapsedMs - QUIET_WINDOW_MS;
      if (elapsedMs > deadlineMs) throw new Error(`process ${this.pid} is still busy after ${deadlineMs} ms`);
      before = now;
    }
  }

  private async status(name: string): Promise<number> {
    const status = await readFile(`/proc/${this.pid}/status`, 'utf8');
    return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * KIB;
  }
}
