import { randomUUID } from 'node:crypto';
import { chown, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemErrorCode } from '../../common/system-error-code.js';
import type { Binaries } from './binaries.js';
import type { ClusterHome } from './cluster-home.js';
import { runCommand } from './command.js';

const initTimeoutMs = 120_000;
const draftPrefix = 'postgres.draft-';

/** May do everything; for the supervisor only. */
export const SUPERUSER = 'postgres';

/**
 * C.UTF-8 of the C library tells letters from punctuation, which text search needs; where the library lacks it, Postgres' own
 * comes next (coarser words in text search, the rest alike). Neither sorts by a language, so that an upgrade of the C library
 * cannot spoil an index.
 */
const locales = [
  ['--locale=C.UTF-8'],
  ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'],
] as const;

/**
 * Makes the cluster where there is none. It is made under another name and then renamed: what bears the name is whole, however
 * a former attempt ended.
 * @throws Error that says what to do: not a cluster, another major version, initdb's own reason
 */
export async function ensureCluster(home: ClusterHome, binaries: Binaries): Promise<void> {
  const major = await findMajor(home.cluster);
  if (major === undefined) await createCluster(home, binaries);
  else if (major !== binaries.major)
    throw new Error(
      `${home.cluster} was made by Postgres ${major}, and this gateway brings Postgres ${binaries.major}, which cannot read ` +
        'it: go back to the former version of the gateway, or move the data over by dump and restore.',
    );
}

async function findMajor(cluster: string): Promise<string | undefined> {
  try {
    return (await readFile(join(cluster, 'PG_VERSION'), 'utf8')).trim();
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function createCluster(home: ClusterHome, binaries: Binaries): Promise<void> {
  await removeOldDrafts(home.folder);
  const draft = join(home.folder, `${draftPrefix}${randomUUID()}`);
  try {
    await initialise(draft, home, binaries);
    await rename(draft, home.cluster);
    await syncDirectory(dirname(home.cluster));
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) throw error;
    // Something is there already: the work of another gateway that was first, or nothing of ours.
    if ((await findMajor(home.cluster)) === undefined)
      throw new Error(`${home.cluster} is not a Postgres data directory: move it away.`, { cause: error });
  }
}

/** A draft older than initdb's deadline has nobody who works on it. */
async function removeOldDrafts(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(draftPrefix)) continue;
    const path = join(folder, name);
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs > 2 * initTimeoutMs) await rm(path, { recursive: true, force: true });
  }
}

async function initialise(draft: string, home: ClusterHome, binaries: Binaries): Promise<void> {
  const failures: Error[] = [];
  for (const locale of locales) {
    await mkdir(draft, { mode: 0o700 });
    if (home.as) await chown(draft, home.as.uid, home.as.gid);
    const args = ['-D', draft, '-U', SUPERUSER, '-A', 'trust', '-E', 'UTF8', '--data-checksums', ...locale];
    try {
      await runCommand(binaries.initdb, args, { as: home.as, timeoutMs: initTimeoutMs });
      return;
    } catch (error) {
      failures.push(error as Error);
      await rm(draft, { recursive: true, force: true });
    }
  }
  throw new Error(`The embedded database cannot be made: ${failures[0]!.message}`, { cause: failures[0] });
}

/** Makes the name last as well as the files, which initdb has synchronised itself. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
