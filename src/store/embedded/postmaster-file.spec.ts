import { spawn } from 'node:child_process';
import { once } from 'node:events';
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
  it('tells a server of the cluster by its command line, and what has another one or has ended', async () => {
    const server = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)', '/some/cluster'], {
      stdio: 'ignore',
    });
    await once(server, 'spawn');
    const { pid } = server as { pid: number };
    await expect(inspectProcess(pid, '/some/cluster')).resolves.toBe('server');
    await expect(inspectProcess(pid, '/other/cluster')).resolves.toBe('other');
    server.kill('SIGKILL');
    await once(server, 'exit');
    await expect(inspectProcess(pid, '/some/cluster')).resolves.toBe('gone');
  });
});
