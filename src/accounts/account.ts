import type { ErrorCode } from '../mailbox/model/error-code.js';
import type { AccountId, ChangePosition } from '../mailbox/model/ids.js';
import type { PollResult } from '../mailbox/model/poll-result.js';
import type { AccountCapabilities, ConnectionSecurity, Protocol } from '../mailbox/model/protocol.js';

export type AuthenticationMethod = 'PASSWORD' | 'OAUTH2';

export interface ServerSettings {
  readonly host: string;
  readonly port: number;
  readonly security: ConnectionSecurity;
  readonly username: string;
  readonly authentication: AuthenticationMethod;
}

export const ACCOUNT_STATES = [
  'CONNECTING',
  'SYNCING',
  'ONLINE',
  'OFFLINE',
  'AUTHENTICATION_FAILED',
  'PAUSED',
] as const;
export type AccountState = (typeof ACCOUNT_STATES)[number];

interface AccountError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly at: Date;
}

export interface AccountStatus {
  readonly state: AccountState;
  readonly since: Date;
  readonly lastError?: AccountError;
  readonly nextAttemptAt?: Date;
  readonly lastSuccessAt?: Date;
}

export type Pop3AfterDownload = 'DELETE' | 'KEEP' | 'DELETE_AFTER_DAYS';

export interface Pop3Policy {
  readonly afterDownload: Pop3AfterDownload;
  /** With DELETE_AFTER_DAYS; counted from our own download, never from Date:. */
  readonly deleteAfterDays?: number;
  readonly deleteWhenExpunged: boolean;
  readonly pollIntervalSeconds: number;
  readonly maxMessageBytes?: number;
}

export interface Pop3State {
  readonly lastPollAt?: Date;
  readonly nextPollAt?: Date;
  readonly lastPoll?: PollResult;
}

interface AccountBase {
  readonly id: AccountId;
  readonly name: string;
  readonly emailAddress?: string;
  readonly server: ServerSettings;
  readonly status: AccountStatus;
  /** As learnt at the last sign-in; undefined before the first. */
  readonly capabilities?: AccountCapabilities;
  readonly changePosition: ChangePosition;
  /** Raised by every change that whoever works on the account must take up: settings, credentials, pause, resume. */
  readonly version: bigint;
  readonly createdAt: Date;
}

export interface ImapAccount extends AccountBase {
  readonly protocol: Extract<Protocol, 'IMAP'>;
  /** Only these paths and what is below them; all when absent. */
  readonly onlyMailboxes?: readonly string[];
}

export interface Pop3Account extends AccountBase {
  readonly protocol: Extract<Protocol, 'POP3'>;
  readonly policy: Pop3Policy;
  readonly poll: Pop3State;
}

export type Account = ImapAccount | Pop3Account;
