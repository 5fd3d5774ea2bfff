import { open, rename, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode } from '../../common/system-error-code.js';

const maxLogBytes = 1024 * 1024;
const tailBytes = 2048;

/** Postgres' own log, `postgres.log` in DATA_DIR: a file, so that the server outlives its gateway without losing its output. */
export class ServerLog {
  private readonly path: string;
  private startedAt = 0;

  constructor(dataDir: string) {
    this.path = join(dataDir, 'postgres.log');
  }

  /** To append to; at most one older file is kept. The caller closes it. */
  async open(): Promise<FileHandle> {
    this.startedAt = await this.size();
    if (this.startedAt > maxLogBytes) {
      await rename(this.path, `${this.path}.1`);
      this.startedAt = 0;
    }
    return open(this.path, 'a', 0o600);
  }

  /** The end of what was written since it was last opened. */
  async tail(): Promise<string> {
    const size = await this.size();
    const from = Math.max(this.startedAt, size - tailBytes);
    const file = await open(this.path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(tailBytes), 0, tailBytes, from);
      return buffer.toString('utf8', 0, bytesRead).trim();
    } finally {
      await file.close();
    }
  }

  private async size(): Promise<number> {
    try {
      return (await stat(this.path)).size;
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return 0;
      throw error;
    }
  }
}
