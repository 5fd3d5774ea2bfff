import { chmod, lstat, mkdir } from 'node:fs/promises';

const path = '/var/lib/mailroom';

/**
 * Where root keeps what an unprivileged server process must reach although DATA_DIR or node_modules stand in a closed place,
 * such as root's home. Only root can write to /var/lib, so what stands there is what root put there.
 * @throws Error that says what to do when it cannot be made
 */
export async function machineFolder(): Promise<string> {
  try {
    // Not by mkdir's mode, which a umask would cut.
    if (await mkdir(path, { recursive: true })) await chmod(path, 0o755);
  } catch (cause) {
    throw new Error(`${path} cannot be made: use a DATA_DIR and a checkout outside root's home, or set DATABASE_URL.`, {
      cause,
    });
  }
  const found = await lstat(path);
  if (!found.isDirectory() || found.uid !== 0) throw new Error(`${path} must be a directory that belongs to root.`);
  return path;
}
