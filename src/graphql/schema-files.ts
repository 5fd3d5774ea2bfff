import { readdirSync, readFileSync } from 'node:fs';

const folder = new URL('./schema/', import.meta.url);

/** The contract: every `.graphql` file beside this one. The build copies them next to the compiled code. */
export function readSchemaFiles(): string {
  const names = readdirSync(folder).filter((name) => name.endsWith('.graphql'));
  return names.map((name) => readFileSync(new URL(name, folder), 'utf8')).join('\n');
}
