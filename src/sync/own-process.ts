import { readFile, readlink } from 'node:fs/promises';

/** A process that can be asked about from here: whoever has the same `space` sees the same process under this `pid`. */
export interface OwnProcess {
  readonly space: string;
  readonly pid: number;
}

/** @returns undefined where the system does not name its process space (it is not Linux) */
export async function ownProcess(): Promise<OwnProcess | undefined> {
  try {
    // One boot of one machine, and one container on it (namespaces(7)).
    const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
    return { space: `${boot} ${await readlink('/proc/self/ns/pid')}`, pid: process.pid };
  } catch {
    return undefined;
  }
}

/** False only where there is none of this number; another that has it by now is taken for it. */
export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
