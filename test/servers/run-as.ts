import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { UnprivilegedUser } from './unprivileged-user.js';

const run = promisify(execFile);

/** Debian keeps servers in /usr/sbin, which is not on the PATH of an ordinary user. */
export const SERVER_PATH = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`;

/** Runs a command to its end as that user. @throws with the command's standard error when it fails or takes over 10 s. */
export async function runAs(owner: UnprivilegedUser, command: string, args: readonly string[]): Promise<string> {
  const { stdout } = await run(command, args, {
    uid: owner.uid,
    gid: owner.gid,
    env: { PATH: SERVER_PATH },
    timeout: 10_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}
