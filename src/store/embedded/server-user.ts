import { runCommand, succeeds, type Identity } from './command.js';

const lookupTimeoutMs = 10_000;
const candidates = ['postgres', 'nobody'] as const;

/**
 * Postgres refuses to run as root, so under root it runs as the system's `postgres` user, or as `nobody` where there is none.
 * @throws Error when the machine has neither
 */
export async function findUnprivilegedUser(): Promise<Identity> {
  for (const name of candidates) {
    const uid = await idOf('-u', name);
    const gid = await idOf('-g', name);
    if (uid && gid) return { uid, gid };
  }
  throw new Error(
    `The embedded database cannot run as root, and there is no user ${candidates.join(' or ')}: ` +
      'run the gateway as an ordinary user, or set DATABASE_URL.',
  );
}

/** By the system's own `id`, for users need not stand in /etc/passwd (directory services, macOS). */
async function idOf(flag: '-u' | '-g', name: string): Promise<number | undefined> {
  try {
    return Number(await runCommand('id', [flag, name], { timeoutMs: lookupTimeoutMs }));
  } catch {
    return undefined;
  }
}

/** Asked as that user, because modes alone do not tell: access lists, mounts and security modules have their say. */
export const mayEnter = (directory: string, as: Identity): Promise<boolean> =>
  succeeds('/bin/sh', ['-c', 'test -x "$0"', directory], { as, timeoutMs: lookupTimeoutMs });
