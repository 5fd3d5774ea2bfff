import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { AccountId, ApiKeyId } from '../mailbox/model/ids.js';
import { select } from '../store/sql.js';
import type { ApiKey } from './api-key.js';
import { ApiKeyEntity } from './api-key.entity.js';

@Injectable()
export class ApiKeyRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Newest first. */
  async findAll(): Promise<readonly ApiKey[]> {
    const rows = await this.dataSource.manager.find(ApiKeyEntity, { order: { createdAt: 'DESC', id: 'DESC' } });
    return rows.map(toApiKey);
  }

  async findById(id: ApiKeyId): Promise<ApiKey | undefined> {
    const row = await this.dataSource.manager.findOneBy(ApiKeyEntity, { id });
    return row ? toApiKey(row) : undefined;
  }

  /** Looks a key up because it was used, and notes that, at most once a minute. */
  async findUsed(hash: Buffer, now: Date): Promise<ApiKey | undefined> {
    await select(
      this.dataSource,
      `UPDATE api_key SET last_used_at = $2
       WHERE hash = $1 AND (last_used_at IS NULL OR last_used_at < $2::timestamptz - interval '1 minute')`,
      [hash, now],
    );
    const row = await this.dataSource.manager.findOneBy(ApiKeyEntity, { hash });
    return row ? toApiKey(row) : undefined;
  }

  async insert(key: ApiKey, hash: Buffer): Promise<void> {
    await this.dataSource.manager.insert(ApiKeyEntity, { ...key, hash });
  }

  /** @returns false when there is none */
  async delete(id: ApiKeyId): Promise<boolean> {
    const { affected } = await this.dataSource.manager.delete(ApiKeyEntity, { id });
    return affected === 1;
  }

  /** How many of these accounts there are. */
  async countAccounts(ids: readonly AccountId[]): Promise<number> {
    const sql = 'SELECT count(*)::integer AS count FROM account WHERE id = ANY ($1::uuid[])';
    const [row] = await select<{ count: number }>(this.dataSource, sql, [ids]);
    return row?.count ?? 0;
  }
}

const toApiKey = (row: ApiKeyEntity): ApiKey => ({
  id: row.id,
  name: row.name,
  prefix: row.prefix,
  scopes: row.scopes,
  accountIds: row.accountIds ?? undefined,
  createdAt: row.createdAt,
  lastUsedAt: row.lastUsedAt ?? undefined,
  expiresAt: row.expiresAt ?? undefined,
});
