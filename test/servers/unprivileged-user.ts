import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface UnprivilegedUser {
  readonly uid: number;
  readonly gid: number;
  readonly user: string;
  readonly group: string;
}

/** Who a test server runs as: whoever runs the tests, or `nobody` under root, so that there is one way and not two. */
export async function findUnprivilegedUser(): Promise<UnprivilegedUser> {
  const who = process.getuid?.() === 0 ? ['nobody'] : [];
  const [uid, gid, user, group] = await Promise.all(['-u', '-g', '-un', '-gn'].map((flag) => id([flag, ...who])));
  if (!uid || !gid || !user || !group) throw new Error('`id` did not say who runs the tests');
  return { uid: Number(uid), gid: Number(gid), user, group };
}

async function id(args: readonly string[]): Promise<string> {
  const { stdout } = await run('id', args);
  return stdout.trim();
}
