import { createHash } from 'node:crypto';
import { chown, lstat, mkdir, unlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemErrorCode } from '../../common/system-error-code.js';
import type { ClusterHome } from './cluster-home.js';
import type { Identity } from './command.js';

/** Names the socket file, nothing else: nothing listens on the network. */
export const SOCKET_PORT = 5432;

/** Of a whole socket path, so that macOS (104) is served as well as Linux (108, unix(7)). */
const maxPathBytes = 100;

/**
 * A directory for the server's socket that only its user can enter: everybody who reaches the socket is let in (`trust`).
 * It stands beside the cluster, so that a gateway in another container on the same volume finds the server and leaves the
 * cluster alone; where the path is too long or the file system has no sockets, in the system's temporary directory.
 * @returns an absolute path, the same for the same cluster
 * @throws Error that says what to do when the place is taken by somebody else
 */
export async function ensureSocketDirectory(home: ClusterHome): Promise<string> {
  const beside = join(home.folder, 'socket');
  if (fits(beside)) {
    await ensurePrivate(beside, home.as);
    if (await takesSockets(beside)) return beside;
  }
  const name = `mailroom-${createHash('sha256').update(home.cluster).digest('hex').slice(0, 16)}`;
  const elsewhere = [tmpdir(), '/tmp'].map((parent) => join(parent, name)).find(fits)!;
  await ensurePrivate(elsewhere, home.as);
  return elsewhere;
}

const fits = (directory: string): boolean =>
  Buffer.byteLength(join(directory, `.s.PGSQL.${SOCKET_PORT}.lock`)) <= maxPathBytes;

/**
 * In a shared temporary directory anybody may have made the name first, or a symbolic link of it: `mkdir` follows none, and
 * what was there before must be a true directory of the server's user and closed to others. Under the sticky bit nobody else
 * can swap it afterwards.
 */
async function ensurePrivate(directory: string, as: Identity | undefined): Promise<void> {
  try {
    await mkdir(directory, { mode: 0o700 });
    if (as) await chown(directory, as.uid, as.gid);
    return;
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
  }
  const found = await lstat(directory);
  const wanted = as?.uid ?? process.getuid?.();
  const isPrivate = found.isDirectory() && (found.mode & 0o077) === 0;
  // A gateway under root that died between the two calls above has left it to root.
  if (isPrivate && as && found.uid === 0) await chown(directory, as.uid, as.gid);
  else if (!isPrivate || found.uid !== wanted)
    throw new Error(
      `${directory} should be a directory of the database's user (uid ${wanted}) that is closed to others (mode 0700), ` +
        'and it is not: remove it.',
    );
}

/** Some mounts (a host's directory in Docker Desktop) have files but no sockets. */
async function takesSockets(directory: string): Promise<boolean> {
  const path = join(directory, `probe-${process.pid}`);
  const server = createServer();
  const bound = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(path, () => resolve(true));
  });
  if (bound) await new Promise((resolve) => server.close(resolve));
  await unlink(path).catch(() => undefined);
  return bound;
}
