// What the two scripts that read the SDL share.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildSchema } from 'graphql';

const root = new URL('../', import.meta.url);
const folder = new URL('src/graphql/schema/', root);

export function readSchema() {
  const files = readdirSync(folder).filter((name) => name.endsWith('.graphql'));
  return buildSchema(files.map((name) => readFileSync(new URL(name, folder), 'utf8')).join('\n'));
}

/** Writes the file, or with `--check` only says whether it is current. */
export function writeOrCheck(path, content) {
  const url = new URL(path, root);
  if (!process.argv.includes('--check')) {
    writeFileSync(url, content);
    return;
  }
  let present;
  try {
    present = readFileSync(fileURLToPath(url), 'utf8');
  } catch {
    present = undefined;
  }
  if (present === content) return;
  console.error(`${path} is not current: run npm run generate`);
  process.exitCode = 1;
}
