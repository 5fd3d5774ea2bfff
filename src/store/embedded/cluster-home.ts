import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync } from 'node:fs';
import { mkdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode } from '../../common/system-error-code.js';
import { readOrCreateSecret } from '../../config/secret-files.js';
import type { Identity } from './command.js';
import { machineFolder } from './machine-folder.js';
import { findUnprivilegedUser, mayEnter } from './server-user.js';

export interface ClusterHome {
  /** Absolute, without symbolic links; holds the cluster and its socket. */
  readonly folder: string;
  /** The data directory proper, of Postgres. */
  readonly cluster: string;
  /** Whom the server runs as; undefined: the gateway's own user. */
  readonly as: Identity | undefined;
}

/**
 * Where the cluster of a DATA_DIR stands and whom it runs as. That is DATA_DIR itself, but for root with a DATA_DIR that the
 * server's user cannot enter (a checkout in root's home): then it is a folder of its own under /var/lib/mailroom, and the
 * file `postgres.location` in DATA_DIR says which. The name is random rather than made from DATA_DIR's path: whoever deletes
 * DATA_DIR means to start afresh, and an old database under a new master key would be of no use.
 * @throws Error that says what to do
 */
export async function findClusterHome(dataDir: string): Promise<ClusterHome> {
  // Others may pass through, as the server's user must under root, but not look around.
  await mkdir(dataDir, { recursive: true, mode: 0o711 });
  const folder = await realpath(dataDir);
  return process.getuid?.() === 0 ? homeForRoot(folder) : homeForUser(folder);
}

async function homeForUser(dataDir: string): Promise<ClusterHome> {
  const cluster = join(dataDir, 'postgres');
  const owner = await ownerOf(cluster);
  if (owner && owner.uid !== process.getuid?.())
    throw new Error(`${cluster} belongs to another user (uid ${owner.uid}): run the gateway as that user, or as root.`);
  return { folder: dataDir, cluster, as: undefined };
}

async function homeForRoot(dataDir: string): Promise<ClusterHome> {
  const inside = await ownerOf(join(dataDir, 'postgres'));
  const user = inside ?? (await findUnprivilegedUser());
  const folder = inside || (await mayEnter(dataDir, user)) ? dataDir : await homeElsewhere(dataDir);
  const cluster = join(folder, 'postgres');
  const as = (await ownerOf(cluster)) ?? user;
  if (as.uid === 0)
    throw new Error(`${cluster} belongs to root, as whom Postgres refuses to run: give it to another user (chown -R).`);
  if (!(await mayEnter(folder, as)))
    throw new Error(
      `The database in ${cluster} runs as uid ${as.uid}, who cannot enter ${folder}: let others pass (chmod o+x).`,
    );
  return { folder, cluster, as };
}

async function homeElsewhere(dataDir: string): Promise<string> {
  const parent = await machineFolder();
  const pointer = join(dataDir, 'postgres.location');
  const folder = readOrCreateSecret(pointer, () => {
    const made = join(parent, randomBytes(8).toString('hex'));
    mkdirSync(made);
    chmodSync(made, 0o711);
    return made;
  });
  if (!(await ownerOf(folder)))
    throw new Error(`The database of ${dataDir} is gone: ${pointer} says ${folder}. Restore it, or delete ${dataDir}.`);
  return folder;
}

async function ownerOf(path: string): Promise<Identity | undefined> {
  try {
    const { uid, gid } = await stat(path);
    return { uid, gid };
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
