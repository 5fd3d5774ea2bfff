import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** `migrations/` at the project's top, seen from `src/store/migrations` and from `dist/store/migrations` alike. */
const FOLDER = fileURLToPath(new URL('../../../migrations/', import.meta.url));
const FILE = /^(\d{4})-([a-z0-9-]+)\.up\.sql$/;

/** TypeORM orders migrations by a 13-digit time at the end of their names; ours have a number. */
const firstTimestamp = 1_700_000_000_000;

export type MigrationClass = new () => MigrationInterface;

/** The hand-written SQL files as TypeORM takes them, in order. */
export function loadMigrations(folder: string = FOLDER): MigrationClass[] {
  return readdirSync(folder)
    .sort()
    .flatMap((file) => {
      const match = FILE.exec(file);
      return match ? [migration(folder, match[1]!, match[2]!)] : [];
    });
}

function migration(folder: string, number: string, name: string): MigrationClass {
  const up = readFileSync(`${folder}/${number}-${name}.up.sql`, 'utf8');
  const down = readFileSync(`${folder}/${number}-${name}.down.sql`, 'utf8');
  return class implements MigrationInterface {
    readonly name = `${number}-${name}-${firstTimestamp + Number(number)}`;

    async up(runner: QueryRunner): Promise<void> {
      await runner.query(up);
    }

    async down(runner: QueryRunner): Promise<void> {
      await runner.query(down);
    }
  };
}
