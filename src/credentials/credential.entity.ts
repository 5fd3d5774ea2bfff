import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { AccountId } from '../mailbox/model/ids.js';
import type { CredentialField } from './vault.js';

@Entity('credential_key')
export class CredentialKeyEntity {
  @PrimaryColumn({ name: 'account_id', type: 'uuid' })
  accountId: AccountId;

  @Column({ name: 'master_key_id', type: 'text' })
  masterKeyId: string;

  @Column({ name: 'wrapped_key', type: 'bytea' })
  wrappedKey: Buffer;
}

@Entity('credential')
export class CredentialEntity {
  @PrimaryColumn({ name: 'account_id', type: 'uuid' })
  accountId: AccountId;

  @PrimaryColumn({ type: 'text' })
  field: CredentialField;

  @Column({ type: 'bytea' })
  sealed: Buffer;
}
