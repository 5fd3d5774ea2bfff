import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** `migrations/` at the project's top: as far above `src/store/migrations` as above `dist/store/migrations`. */
const projectFolder = fileURLToPath(new URL('../../../migrations', import.meta.url));

/** TypeORM orders migrations by a 13-digit time at the end of their names; ours have a number, which is added to this. */
const firstTimestamp = 1_700_000_000_000;

const fileName = /^(\d{4})-([a-z0-9-]+)\.(up|down)\.sql$/;

/**
 * The hand-written SQL as TypeORM takes it: `0001-initial.up.sql` and `0001-initial.down.sql` become the migration
 * `0001-initial-1700000000001`. A file may hold several statements, but none that refuses to run in a transaction (CREATE INDEX CONCURRENTLY).
 * @param folder for tests; the project's own otherwise
 * @returns classes in the order of their numbers
 * @throws Error naming the file that is misnamed, lacks its counterpart, or shares its number with another
 */
export function loadMigrations(folder: string = projectFolder): (new () => MigrationInterface)[] {
  const names = [...new Set(readdirSync(folder).map((file) => stemOf(file, folder)))].sort();
  names.forEach((name, index) => {
    if (names[index + 1]?.slice(0, 4) === name.slice(0, 4))
      throw new Error(`${folder}: two migrations have the number ${name.slice(0, 4)}`);
  });
  return names.map((name) => toClass(name, folder));
}

function stemOf(file: string, folder: string): string {
  const match = fileName.exec(file);
  if (!match) throw new Error(`${join(folder, file)}: a migration is named like 0001-initial.up.sql`);
  return `${match[1]}-${match[2]}`;
}

function toClass(stem: string, folder: string): new () => MigrationInterface {
  const up = readFileSync(join(folder, `${stem}.up.sql`), 'utf8');
  const down = readFileSync(join(folder, `${stem}.down.sql`), 'utf8');
  return class implements MigrationInterface {
    readonly name = `${stem}-${firstTimestamp + Number(stem.slice(0, 4))}`;

    async up(runner: QueryRunner): Promise<void> {
      await runner.query(up);
    }

    async down(runner: QueryRunner): Promise<void> {
      await runner.query(down);
    }
  };
}
