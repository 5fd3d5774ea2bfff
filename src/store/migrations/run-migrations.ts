import { MigrationExecutor, type DataSource, type QueryRunner } from 'typeorm';

/**
 * Advisory lock of the two-number kind, so that it never meets the account leases, which are of the one-number kind. The first
 * is `mail` in ASCII (0x6d61696c).
 */
const lock = '1835100524, 1';

/** Another instance may be building an index over a large table. */
const lockTimeout = '30min';

/**
 * Brings the schema up to date, each migration in a transaction of its own. Instances that start together take turns, and all
 * but the first find nothing to do. Lock and migrations share one session: were the lock on another, it could be lost while
 * the work goes on.
 * @param dataSource connected; its `migrations` come from `loadMigrations`
 * @returns names of the migrations that were run here
 * @throws Error when the database was migrated by a newer gateway; the driver's own when a migration fails (55P03: no turn
 *   within half an hour)
 */
export async function runMigrations(dataSource: DataSource): Promise<string[]> {
  const runner = dataSource.createQueryRunner();
  try {
    await runner.connect();
    await runner.query(`SET statement_timeout = 0; SET lock_timeout = '${lockTimeout}'`);
    await runner.query(`SELECT pg_advisory_lock(${lock})`);
    try {
      return await migrate(dataSource, runner);
    } finally {
      await runner.query(`SELECT pg_advisory_unlock(${lock}); RESET statement_timeout; RESET lock_timeout`);
    }
  } finally {
    await runner.release();
  }
}

async function migrate(dataSource: DataSource, runner: QueryRunner): Promise<string[]> {
  const executor = new MigrationExecutor(dataSource, runner);
  executor.transaction = 'each';
  const known = new Set(dataSource.migrations.map(({ name }) => name));
  const unknown = (await executor.getExecutedMigrations()).map(({ name }) => name).filter((name) => !known.has(name));
  if (unknown.length > 0)
    throw new Error(
      `The database was last used by a newer gateway (unknown migrations: ${unknown.sort().join(', ')}): run that version ` +
        'or a later one, or restore a backup from before it.',
    );
  return (await executor.executePendingMigrations()).map(({ name }) => name);
}
