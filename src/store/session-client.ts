import { Injectable } from '@nestjs/common';
import pg from 'pg';
import { DataSource } from 'typeorm';
import type { PostgresDataSourceOptions } from 'typeorm/driver/postgres/PostgresDataSourceOptions.js';

const connectTimeoutMs = 10_000;

/** Opens Postgres sessions outside the pool, for what belongs to a session: LISTEN and advisory locks. */
@Injectable()
export class SessionClients {
  constructor(private readonly dataSource: DataSource) {}

  /** Connected, with an `error` listener; the caller ends it. */
  async open(applicationName: string, onLost: (error: Error) => void): Promise<pg.Client> {
    const { url, host, port, username, password, database, ssl } = this.dataSource.options as PostgresDataSourceOptions;
    const client = new pg.Client({
      ...(url ? { connectionString: url } : { host, port, user: username, password: password as string, database }),
      ssl: ssl as pg.ClientConfig['ssl'],
      application_name: applicationName,
      connectionTimeoutMillis: connectTimeoutMs,
      keepAlive: true,
    });
    client.on('error', onLost);
    client.on('end', () => onLost(new Error('the database session ended')));
    await client.connect();
    return client;
  }
}
