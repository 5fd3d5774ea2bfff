import { EntityManager, type DataSource, type QueryRunner } from 'typeorm';
import { storableText } from '../mime/clean-text.js';

export type Parameter = string | number | bigint | boolean | Date | Buffer | null | undefined | readonly unknown[];

/**
 * Rows of a statement, whatever its kind: TypeORM's own `query` answers UPDATE and DELETE in another shape than SELECT.
 * The type is the caller's promise about its own SQL.
 */
export async function select<Row>(
  on: DataSource | EntityManager,
  sql: string,
  parameters: readonly Parameter[] = [],
): Promise<Row[]> {
  const manager = on instanceof EntityManager ? on : on.manager;
  if (manager.queryRunner) return (await manager.queryRunner.query(sql, [...parameters], true)).records as Row[];
  return onConnection(
    manager.connection,
    async (runner) => (await runner.query(sql, [...parameters], true)).records as Row[],
  );
}

/** Work on one connection of the pool, which has it back afterwards. */
export async function onConnection<T>(dataSource: DataSource, work: (runner: QueryRunner) => Promise<T>): Promise<T> {
  const runner = dataSource.createQueryRunner();
  try {
    return await work(runner);
  } finally {
    await runner.release();
  }
}

/** Text for a jsonb parameter. Postgres refuses U+0000 and lone surrogates, and mail contains both. */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value);
  return /\\u(?:0000|d[89a-f])/i.test(text) ? JSON.stringify(value, cleanString) : text;
}

const cleanString = (_key: string, value: unknown): unknown =>
  typeof value === 'string' ? storableText(value) : value;

/** For LIKE and ILIKE: the text itself, anywhere. */
export const containsPattern = (text: string): string => `%${storableText(text).replace(/[\\%_]/g, String.raw`\$&`)}%`;
