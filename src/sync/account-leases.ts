import { Injectable } from '@nestjs/common';
import { ACCOUNT_CHANNEL } from '../accounts/account-channel.js';
import type { AccountId } from '../mailbox/model/ids.js';
import { InstanceSession } from './instance-session.js';

/** Who watches an account: this instance, another living one, or nobody. */
type Owner = 'me' | 'other' | 'nobody';

/** What is to be known of an account to decide who works on it. */
export interface Claim {
  readonly accountId: AccountId;
  readonly version: bigint;
  readonly paused: boolean;
  readonly owner: Owner;
}

export interface Lease {
  /** Under which the mirror is written. */
  readonly epoch: bigint;
  /** Of the account when it was taken. */
  readonly version: bigint;
}

interface ClaimRow {
  id: AccountId;
  version: string;
  paused: boolean;
  owner: Owner;
}

const ALIVE = 'EXISTS (SELECT FROM instance i WHERE i.id = a.owner AND i.lease_until > now())';
const CLAIM = `SELECT a.id, a.version, a.state = 'PAUSED' AS paused,
  CASE WHEN a.owner = $1 THEN 'me' WHEN ${ALIVE} THEN 'other' ELSE 'nobody' END AS owner FROM account a`;

/**
 * Which instance watches which account: its id in the account's row, good for as long as that instance renews its lease. Taking an
 * account raises its epoch, so that writes of whoever had it before are refused however late they come.
 */
@Injectable()
export class AccountLeases {
  constructor(private readonly session: InstanceSession) {}

  /** What is this instance's, and what it could take. */
  async mineAndFree(): Promise<readonly Claim[]> {
    const sql = `${CLAIM} WHERE a.owner = $1 OR (a.state <> 'PAUSED' AND NOT ${ALIVE})`;
    return (await this.session.query<ClaimRow>(sql, [this.session.id])).map(toClaim);
  }

  /** @returns undefined where there is no such account */
  async find(accountId: AccountId): Promise<Claim | undefined> {
    const [row] = await this.session.query<ClaimRow>(`${CLAIM} WHERE a.id = $2`, [this.session.id, accountId]);
    return row && toClaim(row);
  }

  /** @returns undefined where another instance was faster, the account is paused or gone, or this instance's own lease is over */
  async acquire(accountId: AccountId): Promise<Lease | undefined> {
    const [row] = await this.session.query<{ epoch: string; version: string }>(
      `UPDATE account a SET owner = $1, epoch = epoch + 1
       WHERE a.id = $2 AND a.state <> 'PAUSED' AND (a.owner = $1 OR NOT ${ALIVE})
         AND EXISTS (SELECT FROM instance WHERE id = $1 AND lease_until > now())
       RETURNING epoch, version`,
      [this.session.id, accountId],
    );
    return row && { epoch: BigInt(row.epoch), version: BigInt(row.version) };
  }

  /** Others hear of it and may take the account at once. */
  async release(accountId: AccountId, { epoch }: Lease): Promise<void> {
    await this.session.query(
      `WITH free AS (UPDATE account SET owner = NULL WHERE id = $2 AND owner = $1 AND epoch = $3 RETURNING id)
       SELECT pg_notify($4, id::text) FROM free`,
      [this.session.id, accountId, epoch, ACCOUNT_CHANNEL],
    );
  }
}

const toClaim = ({ id, version, ...rest }: ClaimRow): Claim => ({ accountId: id, version: BigInt(version), ...rest });
