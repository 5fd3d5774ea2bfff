import { Injectable } from '@nestjs/common';
import { DataSource, In, type EntityManager, type SelectQueryBuilder } from 'typeorm';
import { CredentialRepository } from '../credentials/credential.repository.js';
import type { Credentials } from '../credentials/credentials.js';
import { Vault } from '../credentials/vault.js';
import { MailError, notFound } from '../mailbox/mailbox.errors.js';
import type { AccountId } from '../mailbox/model/ids.js';
import type { Protocol } from '../mailbox/model/protocol.js';
import type { NewMailbox } from '../store/mirror.port.js';
import { PostgresMirrorTransaction } from '../store/postgres-mirror-transaction.js';
import { containsPattern, select } from '../store/sql.js';
import type { Account, AccountState, AccountStatus, ServerSettings } from './account.js';
import { ACCOUNT_CHANNEL } from './account-channel.js';
import type { AccountPlace } from './account-cursor.js';
import { toAccount, toNewRow, toSettingsRow, toStatus } from './account-rows.js';
import type { AccountSettings } from './account-settings.js';
import { successStepMs } from './account-state.js';
import { AccountEntity } from './account.entity.js';

export interface AccountFilter {
  /** Of these only. */
  readonly ids?: readonly AccountId[];
  readonly protocol?: Protocol;
  readonly states?: readonly AccountState[];
  /** Substring of name or address, any case. */
  readonly text?: string;
}

/** What becomes of an account, saved with its credentials in one transaction. */
export interface AccountWrite {
  readonly id: AccountId;
  readonly settings: AccountSettings;
  /** Left alone when absent. */
  readonly credentials?: Credentials;
}

export interface AccountUpdate extends AccountWrite {
  /** More than its name: whoever works on the account is told, on whichever instance. */
  readonly concernsWork: boolean;
  /** Saved with the rest, so that whoever hears of it finds both. Left alone when absent. */
  readonly status?: StatusChange;
}

/** Returns what it was given where nothing changes. */
type StatusChange = (status: AccountStatus) => AccountStatus;

export interface NewAccountWrite extends AccountWrite {
  readonly credentials: Credentials;
  readonly status: AccountStatus;
  readonly mailboxes: readonly NewMailbox[];
}

@Injectable()
export class AccountRepository {
  constructor(
    private readonly dataSource: DataSource,
    private readonly credentials: CredentialRepository,
    private readonly vault: Vault,
  ) {}

  async findById(id: AccountId): Promise<Account | undefined> {
    const [account] = await this.findByIds([id]);
    return account;
  }

  /** In no particular order. */
  async findByIds(ids: readonly AccountId[]): Promise<readonly Account[]> {
    const rows = await this.dataSource.manager.findBy(AccountEntity, { id: In([...ids]) });
    return rows.map(toAccount);
  }

  async allIds(): Promise<readonly AccountId[]> {
    const rows = await this.dataSource.manager.find(AccountEntity, { select: { id: true } });
    return rows.map(({ id }) => id);
  }

  /** In the order they were added, beginning right after a place. */
  async page(filter: AccountFilter, limit: number, after?: AccountPlace): Promise<readonly Account[]> {
    const query = this.filtered(filter).orderBy('a.created_at').addOrderBy('a.id').limit(limit);
    if (after) query.andWhere('(a.created_at, a.id) > (:createdAt::timestamptz, :id::uuid)', after);
    return (await query.getMany()).map(toAccount);
  }

  count(filter: AccountFilter): Promise<number> {
    return this.filtered(filter).getCount();
  }

  async countByState(): Promise<ReadonlyMap<AccountState, number>> {
    const rows = await select<{ state: AccountState; count: number }>(
      this.dataSource,
      'SELECT state, count(*)::integer AS count FROM account GROUP BY state',
    );
    return new Map(rows.map(({ state, count }) => [state, count]));
  }

  private filtered({ ids, protocol, states, text }: AccountFilter): SelectQueryBuilder<AccountEntity> {
    const query = this.dataSource.manager.createQueryBuilder(AccountEntity, 'a');
    if (ids) query.andWhere('a.id = ANY (:ids::uuid[])', { ids });
    if (protocol) query.andWhere('a.protocol = :protocol', { protocol });
    if (states) query.andWhere('a.state = ANY (:states::text[])', { states });
    if (text) query.andWhere('(a.name ILIKE :text OR a.email_address ILIKE :text)', { text: containsPattern(text) });
    return query;
  }

  /** @throws MailError CONFLICT when the same login is there already */
  async insert({ id, settings, credentials, status, mailboxes }: NewAccountWrite): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await this.claimLogin(manager, settings.protocol, settings.server, id);
      await manager.insert(AccountEntity, toNewRow(id, settings, status));
      await this.credentials.replace(manager, this.vault.seal(id, credentials));
      if (mailboxes.length === 0) return;
      const mirror = await PostgresMirrorTransaction.begin(manager, id);
      for (const mailbox of mailboxes) await mirror.insertMailbox(mailbox);
      await mirror.finish();
    });
  }

  /** @throws MailError NOT_FOUND, CONFLICT */
  async update({ id, settings, credentials, status, concernsWork }: AccountUpdate): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await this.claimLogin(manager, settings.protocol, settings.server, id);
      const { affected } = await manager.update(AccountEntity, { id }, toSettingsRow(settings));
      if (affected === 0) throw notFound('account');
      if (credentials) await this.credentials.replace(manager, this.vault.seal(id, credentials));
      if (status) await moveStatus(manager, id, status);
      if (concernsWork) await announceChange(manager, id);
    });
  }

  /** Everything of the account goes with it. @throws MailError NOT_FOUND */
  async delete(id: AccountId): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      const { affected } = await manager.delete(AccountEntity, { id });
      if (affected === 0) throw notFound('account');
      await tellInstances(manager, id);
    });
  }

  /**
   * Moves the status under the account's row lock, and writes its row of the change log.
   * @param epoch of the lease it is done under
   * @throws MailError NOT_FOUND, CONFLICT when another instance has taken the account over
   */
  async changeStatus(id: AccountId, change: StatusChange, epoch?: bigint): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      const { from, to } = await moveStatus(manager, id, change, epoch);
      if (isPaused(from) !== isPaused(to)) await announceChange(manager, id);
    });
  }

  /**
   * What is most of the time all there is to say, of each account each minute: it was well and still is. As `nextStatus` has it.
   * @returns false where that is not all: nothing was written then
   */
  async confirmWell(id: AccountId, now: Date, epoch?: bigint): Promise<boolean> {
    const rows = await select(
      this.dataSource,
      `WITH well AS (
         SELECT id FROM account
         WHERE id = $1 AND state = 'ONLINE' AND last_error_code IS NULL AND epoch = coalesce($3::bigint, epoch)
       ), done AS (
         UPDATE account a SET last_success_at = $2 FROM well
         WHERE a.id = well.id AND coalesce(a.last_success_at, 'epoch') <= $4::timestamptz
       )
       SELECT id FROM well`,
      [id, now, epoch, new Date(now.getTime() - successStepMs)],
    );
    return rows.length > 0;
  }

  /** @throws MailError CONFLICT */
  async assertLoginFree(protocol: Protocol, server: ServerSettings, except?: AccountId): Promise<void> {
    await assertLoginFree(this.dataSource.manager, protocol, server, except);
  }

  /** Whether messages would be lost with the account: their octets stand in our database. */
  async holdsMail(id: AccountId): Promise<boolean> {
    const [row] = await select<{ held: boolean }>(
      this.dataSource,
      'SELECT EXISTS (SELECT FROM message WHERE account_id = $1 AND content_id IS NOT NULL) AS held',
      [id],
    );
    return row?.held ?? false;
  }

  /** Two accounts on one mailbox would fetch the same mail twice, and fight over one maildrop. */
  private async claimLogin(
    manager: EntityManager,
    protocol: Protocol,
    server: ServerSettings,
    id: AccountId,
  ): Promise<void> {
    const login = JSON.stringify([protocol, server.host, server.username]);
    await select(manager, 'SELECT pg_advisory_xact_lock(hashtextextended($1, 1))', [login]);
    await assertLoginFree(manager, protocol, server, id);
  }
}

async function moveStatus(
  manager: EntityManager,
  id: AccountId,
  change: StatusChange,
  epoch?: bigint,
): Promise<{ from: AccountStatus; to: AccountStatus }> {
  const mirror = await PostgresMirrorTransaction.begin(manager, id, epoch);
  const from = toStatus(await manager.findOneByOrFail(AccountEntity, { id }));
  const to = change(from);
  if (to !== from) await mirror.setStatus(to);
  await mirror.finish();
  return { from, to };
}

const isPaused = ({ state }: AccountStatus): boolean => state === 'PAUSED';

async function announceChange(manager: EntityManager, id: AccountId): Promise<void> {
  await select(manager, 'UPDATE account SET version = version + 1 WHERE id = $1', [id]);
  await tellInstances(manager, id);
}

/** When the transaction commits. */
async function tellInstances(manager: EntityManager, id: AccountId): Promise<void> {
  await select(manager, 'SELECT pg_notify($1, $2)', [ACCOUNT_CHANNEL, id]);
}

async function assertLoginFree(
  manager: EntityManager,
  protocol: Protocol,
  { host, username }: ServerSettings,
  except?: AccountId,
): Promise<void> {
  const row = await manager.findOne(AccountEntity, { select: { id: true }, where: { protocol, host, username } });
  if (row && row.id !== except) {
    throw new MailError('CONFLICT', 'there is an account with this protocol, host and username already', {
      field: ['input', protocol.toLowerCase(), 'username'],
    });
  }
}
