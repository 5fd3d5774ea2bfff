import { execFile } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { oddMessages } from './messages.js';

/** Larger files are archives, not messages. */
const largestBytes = 30 * 1024 * 1024;
/** Where golang-github-jhillyerd-enmime-dev, a package of Debian, puts its fixtures. */
const enmime = '/usr/share/gocode/src/github.com/jhillyerd/enmime/testdata';

/**
 * Messages that mail libraries keep as fixtures: ours, and those that this machine happens to have, each as its file holds it.
 * `MAIL_CORPUS` adds folders, separated by colons; every file in them counts, whatever it is.
 */
export async function* corpus(): AsyncGenerator<Buffer> {
  yield* Object.values(oddMessages());
  const ours = fileURLToPath(new URL('../fixtures/messages', import.meta.url));
  const given = process.env.MAIL_CORPUS?.split(':').filter((folder) => folder !== '') ?? [];
  for (const folder of [ours, enmime, ...(await pythonTests()), ...given]) yield* filesIn(folder);
}

async function* filesIn(folder: string): AsyncGenerator<Buffer> {
  for (const entry of await readdir(folder, { recursive: true }).catch(() => [])) {
    const file = `${folder}/${entry}`;
    const stats = await stat(file).catch(() => undefined);
    if (stats?.isFile() && stats.size <= largestBytes) yield await readFile(file);
  }
}

/** Python's own, wherever it is installed; libpython3-testsuite on Debian. */
async function pythonTests(): Promise<readonly string[]> {
  const script = 'import sysconfig; print(sysconfig.get_path("stdlib"))';
  const found = await promisify(execFile)('python3', ['-c', script], { timeout: 10_000 }).catch(() => undefined);
  return found ? [`${found.stdout.trim()}/test/test_email/data`] : [];
}
