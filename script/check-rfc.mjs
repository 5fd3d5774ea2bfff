// Holds docs/rfc.md to the code: every RFC cited in src has its row, every file named there exists.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const table = readFileSync('docs/rfc.md', 'utf8');
const rows = new Set(
  table
    .split('\n')
    .filter((line) => /^\| \d/.test(line))
    .flatMap((line) => line.split('|')[1].match(/\d+/g) ?? []),
);
const cited = new Set(
  readdirSync('src', { recursive: true })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => [...readFileSync(join('src', file), 'utf8').matchAll(/RFC (\d+)/g)].map(([, rfc]) => rfc)),
);
const problems = [
  ...[...cited]
    .filter((rfc) => !rows.has(rfc))
    .map((rfc) => `RFC ${rfc} is cited in src and has no row in docs/rfc.md`),
  ...[...table.matchAll(/`(src\/[^`]+)`/g)]
    .filter(([, file]) => !existsSync(file))
    .map(([, file]) => `docs/rfc.md names ${file}, which does not exist`),
];
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
