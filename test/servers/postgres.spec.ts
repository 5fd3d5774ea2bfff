import { afterAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { createTestDatabase, type TestDatabase } from './postgres.js';

describe('the Postgres of the tests', () => {
  const databases: TestDatabase[] = [];

  async function fresh(): Promise<Client> {
    const database = await createTestDatabase();
    databases.push(database);
    const client = new Client(database.url);
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  afterAll(async () => {
    for (const database of databases) await database.drop();
  });

  it('gives each caller a migrated database of its own', async () => {
    const [one, two] = await Promise.all([fresh(), fresh()]);
    expect((await one.query('SELECT count(*) FROM message')).rows).toEqual([{ count: '0' }]);
    expect((await one.query('SELECT name FROM migrations')).rowCount).toBeGreaterThan(0);
    await one.query('CREATE TABLE mine (id int)');
    await expect(two.query('SELECT * FROM mine')).rejects.toMatchObject({ code: '42P01' });
    await Promise.all([one.end(), two.end()]);
  }, 60_000);

  it('drops a database that is in use', async () => {
    const client = await fresh();
    const closed = new Promise((resolve) => client.once('end', () => resolve('closed')));
    await databases.at(-1)?.drop();
    await expect(closed).resolves.toBe('closed');
  }, 60_000);
});
