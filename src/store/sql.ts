import { EntityManager, type DataSource } from 'typeorm';
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
  const runner = manager.connection.createQueryRunner();
  try {
    return (await runner.query(sql, [...parameters], true)).records as Row[];
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
