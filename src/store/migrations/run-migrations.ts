import type { DataSource, QueryRunner } from 'typeorm';

/** Any fixed number; only gateways take this lock. */
const LOCK = 7_421_063_001n;

/**
 * Brings the schema up to date. Instances that start together wait for each other.
 * @throws when the database was migrated by a newer gateway
 */
export async function runMigrations(dataSource: DataSource): Promise<void> {
  const runner = dataSource.createQueryRunner();
  try {
    // Waiting for another instance's migration may take longer than any statement should.
    await runner.query('SET statement_timeout = 0');
    await runner.query('SELECT pg_advisory_lock($1)', [LOCK]);
    await refuseNewer(dataSource, runner);
    await dataSource.runMigrations({ transaction: 'each' });
  } finally {
    await runner.query('SELECT pg_advisory_unlock($1)', [LOCK]);
    await runner.query('RESET statement_timeout');
    await runner.release();
  }
}

async function refuseNewer(dataSource: DataSource, runner: QueryRunner): Promise<void> {
  if (!(await runner.hasTable('migrations'))) return;
  const done = (await runner.query('SELECT name FROM migrations')) as { name: string }[];
  const known = new Set(dataSource.migrations.map((migration) => migration.name));
  const unknown = done.map(({ name }) => name).filter((name) => !known.has(name));
  if (unknown.length === 0) return;
  throw new Error(
    `The database was migrated by a newer gateway (${unknown.join(', ')}): start that version, or restore a backup made before it.`,
  );
}
