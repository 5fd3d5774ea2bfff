import { Injectable } from '@nestjs/common';
import { DataSource, Not, type EntityManager } from 'typeorm';
import { notFound } from '../mailbox/mailbox.errors.js';
import type { AccountId } from '../mailbox/model/ids.js';
import { select } from '../store/sql.js';
import { CredentialEntity, CredentialKeyEntity } from './credential.entity.js';
import {
  CREDENTIAL_FIELDS,
  type CredentialField,
  type SealedCredentials,
  type SealedFields,
  type WrappedKey,
} from './vault.js';

/** Sealed credentials only: nothing here can read them. */
@Injectable()
export class CredentialRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** In the transaction that saves the account; whatever it had before is gone. */
  async replace(manager: EntityManager, { accountId, key, fields }: SealedCredentials): Promise<void> {
    await manager.delete(CredentialKeyEntity, { accountId });
    await manager.insert(CredentialKeyEntity, {
      accountId,
      masterKeyId: key.masterKeyId,
      wrappedKey: key.wrapped,
    });
    await insertFields(manager, accountId, fields);
  }

  /** @throws MailError NOT_FOUND */
  get(accountId: AccountId): Promise<SealedCredentials> {
    return load(this.dataSource.manager, accountId);
  }

  /**
   * Lets one caller at a time, over all instances, exchange an account's credentials.
   * @param work told what is stored now; returns what is to be stored instead, if anything
   */
  exchange<T>(
    accountId: AccountId,
    work: (stored: SealedCredentials) => Promise<{ result: T; fields?: SealedFields }>,
  ): Promise<T> {
    return this.dataSource.transaction(async (manager) => {
      await manager.findOne(CredentialKeyEntity, { where: { accountId }, lock: { mode: 'pessimistic_write' } });
      const { result, fields } = await work(await load(manager, accountId));
      if (fields) {
        await manager.delete(CredentialEntity, { accountId });
        await insertFields(manager, accountId, fields);
      }
      return result;
    });
  }

  /** Master keys that something is sealed with. */
  async masterKeyIds(): Promise<readonly string[]> {
    const rows = await this.dataSource.manager
      .createQueryBuilder(CredentialKeyEntity, 'k')
      .select('DISTINCT k.master_key_id', 'id')
      .getRawMany<{ id: string }>();
    return rows.map(({ id }) => id);
  }

  /**
   * Wraps again up to `limit` keys that are not under the given master key.
   * @returns how many there were
   */
  rewrapSome(
    masterKeyId: string,
    limit: number,
    rewrap: (accountId: AccountId, key: WrappedKey) => WrappedKey,
  ): Promise<number> {
    return this.dataSource.transaction(async (manager) => {
      const rows = await manager.find(CredentialKeyEntity, {
        where: { masterKeyId: Not(masterKeyId) },
        take: limit,
        lock: { mode: 'pessimistic_write' },
      });
      for (const { accountId, masterKeyId: id, wrappedKey } of rows) {
        const key = rewrap(accountId, { masterKeyId: id, wrapped: wrappedKey });
        await manager.update(
          CredentialKeyEntity,
          { accountId },
          { masterKeyId: key.masterKeyId, wrappedKey: key.wrapped },
        );
      }
      return rows.length;
    });
  }
}

interface CredentialRow {
  readonly master_key_id: string;
  readonly wrapped_key: Buffer;
  readonly field: CredentialField | null;
  readonly sealed: Buffer;
}

/** In one statement: key and secrets are replaced together and must be read together. */
async function load(manager: EntityManager, accountId: AccountId): Promise<SealedCredentials> {
  const rows = await select<CredentialRow>(
    manager,
    `SELECT k.master_key_id, k.wrapped_key, c.field, c.sealed
     FROM credential_key k LEFT JOIN credential c USING (account_id) WHERE account_id = $1`,
    [accountId],
  );
  if (!rows[0]) throw notFound('account');
  const { master_key_id: masterKeyId, wrapped_key: wrapped } = rows[0];
  const fields = Object.fromEntries(rows.flatMap(({ field, sealed }) => (field ? [[field, sealed]] : [])));
  return { accountId, key: { masterKeyId, wrapped }, fields };
}

async function insertFields(manager: EntityManager, accountId: AccountId, fields: SealedFields): Promise<void> {
  const rows = CREDENTIAL_FIELDS.flatMap((field) =>
    fields[field] ? [{ accountId, field, sealed: fields[field] }] : [],
  );
  await manager.insert(CredentialEntity, rows);
}
