import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { AccountId, ApiKeyId } from '../mailbox/model/ids.js';
import type { Scope } from './principal.js';

@Entity('api_key')
export class ApiKeyEntity {
  @PrimaryColumn({ type: 'uuid' })
  id: ApiKeyId;

  @Column({ type: 'text' })
  name: string;

  @Column({ type: 'bytea' })
  hash: Buffer;

  @Column({ type: 'text' })
  prefix: string;

  @Column({ type: 'text', array: true })
  scopes: readonly Scope[];

  @Column({ name: 'account_ids', type: 'uuid', array: true, nullable: true })
  accountIds: readonly AccountId[] | null;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;

  @Column({ name: 'last_used_at', type: 'timestamptz', nullable: true })
  lastUsedAt: Date | null;

  @Column({ name: 'expires_at', type: 'timestamptz', nullable: true })
  expiresAt: Date | null;
}
