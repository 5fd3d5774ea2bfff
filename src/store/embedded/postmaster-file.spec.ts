import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { inspectProcess, parsePostmasterFile } from './postmaster-file.js';

describe('parsePostmasterFile', () => {
  const whole = '4711\n/data/postgres\n1700000000\n5432\n/data/socket\n\n   5432001     32769\nready   \n';

  it('reads process and socket directory', () => {
    expect(parsePostmasterFile(whole)).toEqual({ pid: 4711, socketDirectory: '/data/socket' });
  });

  it('reads what there is of a file that is still being written', () => {
    fc.assert(
      fc.property(fc.nat({ max: whole.indexOf('/data/socket') - 1 }), (length) => {
        expect(parsePostmasterFile(whole.slice(0, length))?.socketDirectory).toBeUndefined();
      }),
    );
  });

  it.each(['', '\n', 'x\n', '-5\n', '0\n', '1.5\n'])('finds no process in %j', (text) => {
    expect(parsePostmasterFile(text)).toBeUndefined();
  });
});

describe('inspectProcess', () => {
  it('tells a server of the cluster from what has another one, only speaks of it, or has ended', async () => {
    const cluster = await realpath(tmpdir());
    const start = async (cwd: string, ...args: string[]): Promise<ChildProcess> => {
      const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)', ...args], { cwd, stdio: 'ignore' });
      await once(child, 'spawn');
      return child;
    };
    const server = await start(cluster, cluster);
    const reader = await start('/', '--', join(cluster, 'postgresql.conf'));
    try {
      await expect(inspectProcess(server.pid!, cluster)).resolves.toBe('server');
      await expect(inspectProcess(server.pid!, '/other/cluster')).resolves.toBe('other');
      const seen = process.platform === 'linux' ? 'other' : 'server';
      await expect(inspectProcess(reader.pid!, cluster)).resolves.toBe(seen);
    } finally {
      server.kill('SIGKILL');
      reader.kill('SIGKILL');
      await once(server, 'exit');
    }
    await expect(inspectProcess(server.pid!, cluster)).resolves.toBe('gone');
  });
});
