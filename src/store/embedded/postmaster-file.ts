import { execFile } from 'node:child_process';
import { readFile, readlink, realpath, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemErrorCode } from '../../common/system-error-code.js';

const psTimeoutMs = 10_000;

/** What a running server says about itself in `postmaster.pid` (Postgres, storage/lmgr and miscinit.c; lines by number). */
export interface PostmasterFile {
  readonly pid: number;
  /** Absent in the first moments of a start. */
  readonly socketDirectory?: string;
}

/** @returns undefined where the text does not begin with a process id: still being written, or damaged */
export function parsePostmasterFile(text: string): PostmasterFile | undefined {
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  if (!Number.isSafeInteger(pid) || pid < 1) return undefined;
  const socketDirectory = lines[4];
  return socketDirectory ? { pid, socketDirectory } : { pid };
}

/** @returns undefined where no server runs, or none has said so yet */
export async function findPostmasterFile(cluster: string): Promise<PostmasterFile | undefined> {
  try {
    return parsePostmasterFile(await readFile(pidFileOf(cluster), 'utf8'));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * `server`: the main process of Postgres on this cluster. `other`: alive but something else, for the number was given out
 * again. `unknown`: the system does not tell.
 */
export type ProcessKind = 'gone' | 'server' | 'other' | 'unknown';

export async function inspectProcess(pid: number, cluster: string): Promise<ProcessKind> {
  if (!isAlive(pid)) return 'gone';
  const directory = await findWorkingDirectory(pid);
  if (directory !== undefined) return directory === (await realpath(cluster).catch(() => cluster)) ? 'server' : 'other';
  const command = await findCommandLine(pid);
  if (command === undefined) return isAlive(pid) ? 'unknown' : 'gone';
  return command.includes(cluster) ? 'server' : 'other';
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemErrorCode(error) === 'EPERM';
  }
}

/**
 * The server's is its cluster, before it writes its number anywhere and even when the directory is renamed. Linux only, and
 * closed to root in a container (CAP_SYS_PTRACE), where the command line has to do.
 */
async function findWorkingDirectory(pid: number): Promise<string | undefined> {
  return readlink(`/proc/${pid}/cwd`).catch(() => undefined);
}

/** Empty for a process that has ended and was not waited for. */
async function findCommandLine(pid: number): Promise<string | undefined> {
  try {
    if (process.platform === 'linux') return await readFile(`/proc/${pid}/cmdline`, 'utf8');
    const args = ['-ww', '-o', 'command=', '-p', String(pid)];
    return (await promisify(execFile)('ps', args, { timeout: psTimeoutMs })).stdout;
  } catch {
    return undefined;
  }
}

/**
 * Postgres does not start while the number in its lock files is a living process of its user, whatever that process is. After
 * a crash and a restart of the machine or the container, where numbers begin anew, it often is. Such files are removed; others
 * are left to Postgres, which knows more (shared memory still in use).
 */
export async function removeMisleadingLocks(cluster: string, socketDirectory: string, port: number): Promise<void> {
  for (const path of [pidFileOf(cluster), join(socketDirectory, `.s.PGSQL.${port}.lock`)]) {
    const text = await readFile(path, 'utf8').catch(() => '');
    const pid = parsePostmasterFile(text)?.pid;
    if (pid !== undefined && (await inspectProcess(pid, cluster)) === 'other') await unlink(path);
  }
}

const pidFileOf = (cluster: string): string => join(cluster, 'postmaster.pid');
