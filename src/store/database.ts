import { Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { PostgresDataSourceOptions } from 'typeorm/driver/postgres/PostgresDataSourceOptions.js';
import type { Config } from '../config/config.js';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';
import { startEmbeddedPostgres } from './embedded/embedded-postgres.js';
import { loadMigrations } from './migrations/load-migrations.js';
import { runMigrations } from './migrations/run-migrations.js';

/** Connections of one instance; commands, lists and streams share them. */
const poolSize = 20;
const connectTimeoutMs = 10_000;
const oldestPostgres = 14;
/** A statement that takes this long is stuck: nothing here reads or writes without a bound. */
const statementTimeoutMs = 120_000;

export interface Database {
  readonly options: PostgresDataSourceOptions;
  /** After everything that uses it has ended. */
  stop(): Promise<void>;
}

/** The operator's Postgres, or one of our own in DATA_DIR; reached the same way and by the same SQL. */
export async function startDatabase(config: Config): Promise<Database> {
  const common = {
    type: 'postgres',
    migrations: loadMigrations(),
    migrationsTransactionMode: 'each',
    poolSize,
    connectTimeoutMS: connectTimeoutMs,
    applicationName: 'mailroom',
    extra: { statement_timeout: statementTimeoutMs, keepAlive: true },
  } as const satisfies Partial<PostgresDataSourceOptions>;
  if (config.database.kind === 'external') {
    return { options: { ...common, url: config.database.url }, stop: async () => undefined };
  }
  const embedded = await startEmbeddedPostgres({ dataDir: config.dataDir, log: new Logger('EmbeddedPostgres') });
  const { host, port, user, database } = embedded.connection;
  return { options: { ...common, host, port, username: user, database, ssl: false }, stop: () => embedded.stop() };
}

/**
 * Connected, and with every migration done.
 * @throws where the server is older than what the SQL needs
 */
export async function openDataSource(options: PostgresDataSourceOptions): Promise<DataSource> {
  const dataSource = await new DataSource(options).initialize();
  const version = (dataSource.driver as PostgresDriver).version ?? '';
  if (Number.parseInt(version, 10) < oldestPostgres) {
    await dataSource.destroy();
    throw new Error(`The gateway needs Postgres ${oldestPostgres} or later; DATABASE_URL leads to ${version}.`);
  }
  await runMigrations(dataSource);
  return dataSource;
}
