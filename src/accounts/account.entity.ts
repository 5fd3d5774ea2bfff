import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { ErrorCode } from '../mailbox/model/error-code.js';
import type { AccountId } from '../mailbox/model/ids.js';
import type { AccountCapabilities, ConnectionSecurity, Protocol } from '../mailbox/model/protocol.js';
import type { PollResult } from '../mailbox/model/poll-result.js';
import type { AccountState, AuthenticationMethod, Pop3AfterDownload } from './account.js';

/** The columns of `account` that are about the account itself; those of its change log and lease are others'. */
@Entity('account')
export class AccountEntity {
  @PrimaryColumn({ type: 'uuid' })
  id: AccountId;

  @Column({ type: 'text' })
  protocol: Protocol;

  @Column({ type: 'text' })
  name: string;

  @Column({ name: 'email_address', type: 'text', nullable: true })
  emailAddress: string | null;

  @Column({ type: 'text' })
  host: string;

  @Column({ type: 'integer' })
  port: number;

  @Column({ type: 'text' })
  security: ConnectionSecurity;

  @Column({ type: 'text' })
  username: string;

  @Column({ type: 'text' })
  authentication: AuthenticationMethod;

  @Column({ name: 'only_mailboxes', type: 'text', array: true, nullable: true })
  onlyMailboxes: readonly string[] | null;

  @Column({ name: 'after_download', type: 'text', nullable: true })
  afterDownload: Pop3AfterDownload | null;

  @Column({ name: 'delete_after_days', type: 'integer', nullable: true })
  deleteAfterDays: number | null;

  @Column({ name: 'delete_when_expunged', type: 'boolean', nullable: true })
  deleteWhenExpunged: boolean | null;

  @Column({ name: 'poll_interval_seconds', type: 'integer', nullable: true })
  pollIntervalSeconds: number | null;

  /** bigint: a string on the way out. */
  @Column({ name: 'max_message_bytes', type: 'bigint', nullable: true })
  maxMessageBytes: string | number | null;

  @Column({ name: 'last_poll_at', type: 'timestamptz', nullable: true })
  lastPollAt: Date | null;

  @Column({ name: 'next_poll_at', type: 'timestamptz', nullable: true })
  nextPollAt: Date | null;

  @Column({ name: 'last_poll', type: 'jsonb', nullable: true })
  lastPoll: PollResult | null;

  @Column({ type: 'text' })
  state: AccountState;

  @Column({ name: 'state_since', type: 'timestamptz' })
  stateSince: Date;

  @Column({ name: 'last_error_code', type: 'text', nullable: true })
  lastErrorCode: ErrorCode | null;

  @Column({ name: 'last_error_message', type: 'text', nullable: true })
  lastErrorMessage: string | null;

  @Column({ name: 'last_error_at', type: 'timestamptz', nullable: true })
  lastErrorAt: Date | null;

  @Column({ name: 'next_attempt_at', type: 'timestamptz', nullable: true })
  nextAttemptAt: Date | null;

  @Column({ name: 'last_success_at', type: 'timestamptz', nullable: true })
  lastSuccessAt: Date | null;

  @Column({ type: 'jsonb', nullable: true })
  capabilities: AccountCapabilities | null;

  @Column({ name: 'change_position', type: 'bigint', insert: false, update: false })
  changePosition: string;

  @Column({ type: 'bigint', insert: false, update: false })
  version: string;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;
}
