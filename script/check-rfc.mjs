// Holds docs/rfc.md to the code: every RFC cited in src has its row, every file named there exists, every row that claims
// something names a file.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const table = readFileSync('docs/rfc.md', 'utf8');
const rows = table
  .split('\n')
  .filter((line) => /^\| \d/.test(line))
  .map((line) => {
    const [, rfcs, , kept, where] = line.split('|').map((cell) => cell.trim());
    return { rfcs: rfcs.match(/\d+/g), kept, files: [...where.matchAll(/`([^`]+)`/g)].map(([, file]) => file) };
  });
const listed = new Set(rows.flatMap(({ rfcs }) => rfcs));

/** Also in lists: "RFC 2387, 1847, 6522". */
const CITED = /RFCs? (\d{3,5}(?:(?:,| and|, and) \d{4}\b)*)/g;

const cited = new Map(
  readdirSync('src', { recursive: true })
    .filter((file) => /\.(ts|graphql)$/.test(file))
    .flatMap((file) =>
      [...readFileSync(join('src', file), 'utf8').matchAll(CITED)]
        .flatMap(([, list]) => list.match(/\d+/g))
        .map((rfc) => [rfc, join('src', file)]),
    ),
);

const problems = [
  ...[...cited]
    .filter(([rfc]) => !listed.has(rfc))
    .map(([rfc, file]) => `RFC ${rfc} is cited in ${file} and has no row in docs/rfc.md`),
  ...rows.flatMap(({ rfcs, kept, files }) => [
    ...files.filter((file) => !existsSync(file)).map((file) => `docs/rfc.md names ${file}, which does not exist`),
    ...(/^(yes|partial|no)\b/.test(kept) ? [] : [`docs/rfc.md: RFC ${rfcs.join(', ')} is neither yes, partial nor no`]),
    ...(kept.startsWith('no') === (files.length === 0)
      ? []
      : [`docs/rfc.md: RFC ${rfcs.join(', ')} is "${kept}" and names ${files.length || 'no'} files`]),
  ]),
  ...(rows.length > 0 ? [] : ['docs/rfc.md has no table that could be read']),
];
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
