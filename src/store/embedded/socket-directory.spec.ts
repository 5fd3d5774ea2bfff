import { chmod, chown, lstat, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ensureSocketDirectory } from './socket-directory.js';

describe('ensureSocketDirectory', () => {
  let folder: string;
  let socket: string;
  const ensure = (as?: { uid: number; gid: number }): Promise<string> =>
    ensureSocketDirectory({ folder, cluster: join(folder, 'postgres'), as });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mr-'));
    socket = join(folder, 'socket');
  });

  afterEach(() => rm(folder, { recursive: true }));

  it('makes a private one, and finds it again', async () => {
    await expect(ensure()).resolves.toBe(socket);
    expect((await lstat(socket)).mode & 0o777).toBe(0o700);
    await expect(ensure()).resolves.toBe(socket);
  });

  it('follows no symbolic link that somebody laid out', async () => {
    await mkdir(join(folder, 'trap'), { mode: 0o700 });
    await symlink(join(folder, 'trap'), socket);
    await expect(ensure()).rejects.toThrow(/socket should be a directory .*: remove it/);
  });

  it('does not enter one that is open to others', async () => {
    await mkdir(socket);
    await chmod(socket, 0o711);
    await expect(ensure()).rejects.toThrow('closed to others');
  });

  (process.getuid?.() === 0 ? describe : describe.skip)('under root', () => {
    it('does not enter one of another user', async () => {
      await mkdir(socket, { mode: 0o700 });
      await chown(socket, 12_345, 12_345);
      await expect(ensure({ uid: 65_534, gid: 65_534 })).rejects.toThrow('uid 65534');
    });

    it('gives it to the server’s user, also when a former start ended before that', async () => {
      await mkdir(socket, { mode: 0o700 });
      await ensure({ uid: 65_534, gid: 65_534 });
      expect((await lstat(socket)).uid).toBe(65_534);
    });
  });
});
