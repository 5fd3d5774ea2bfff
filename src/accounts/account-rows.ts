import { changePosition, type AccountId } from '../mailbox/model/ids.js';
import type { PollResult } from '../mailbox/model/poll-result.js';
import type { Account, AccountStatus, Pop3Policy, ServerSettings } from './account.js';
import type { AccountEntity } from './account.entity.js';
import type { AccountSettings } from './account-settings.js';

/** What an older version of the gateway did not write down of a poll. */
const unsaid: Pick<PollResult, 'skippedMessages' | 'warnings'> = { skippedMessages: [], warnings: [] };

export function toAccount(row: AccountEntity): Account {
  const common = {
    id: row.id,
    name: row.name,
    emailAddress: row.emailAddress ?? undefined,
    server: toServer(row),
    status: toStatus(row),
    capabilities: row.capabilities ?? undefined,
    changePosition: changePosition(BigInt(row.changePosition)),
    version: BigInt(row.version),
    createdAt: row.createdAt,
  };
  if (row.protocol === 'IMAP') return { ...common, protocol: 'IMAP', onlyMailboxes: row.onlyMailboxes ?? undefined };
  return {
    ...common,
    protocol: 'POP3',
    policy: toPolicy(row),
    poll: {
      lastPollAt: row.lastPollAt ?? undefined,
      nextPollAt: row.nextPollAt ?? undefined,
      lastPoll: row.lastPoll ? { ...unsaid, ...row.lastPoll } : undefined,
    },
  };
}

export function toStatus(row: AccountEntity): AccountStatus {
  const { lastErrorCode: code, lastErrorMessage: message, lastErrorAt: at } = row;
  return {
    state: row.state,
    since: row.stateSince,
    lastError: code && at ? { code, message: message ?? '', at } : undefined,
    nextAttemptAt: row.nextAttemptAt ?? undefined,
    lastSuccessAt: row.lastSuccessAt ?? undefined,
  };
}

const toServer = ({ host, port, security, username, authentication }: AccountEntity): ServerSettings => ({
  host,
  port,
  security,
  username,
  authentication,
});

/** What a POP3 row leaves null has the contract's default. */
const toPolicy = (row: AccountEntity): Pop3Policy => ({
  afterDownload: row.afterDownload ?? 'KEEP',
  deleteAfterDays: row.deleteAfterDays ?? undefined,
  deleteWhenExpunged: row.deleteWhenExpunged ?? false,
  pollIntervalSeconds: row.pollIntervalSeconds ?? 300,
  maxMessageBytes: row.maxMessageBytes === null ? undefined : Number(row.maxMessageBytes),
});

/** Every column that a person decides about; null where it is not set, so that an update clears it. */
export function toSettingsRow(settings: AccountSettings): Partial<AccountEntity> {
  const { host, port, security, username, authentication } = settings.server;
  const common = {
    protocol: settings.protocol,
    name: settings.name,
    emailAddress: settings.emailAddress ?? null,
    host,
    port,
    security,
    username,
    authentication,
  };
  if (settings.protocol === 'IMAP') return { ...common, onlyMailboxes: settings.onlyMailboxes ?? null };
  const { afterDownload, deleteAfterDays, deleteWhenExpunged, pollIntervalSeconds, maxMessageBytes } = settings.policy;
  return {
    ...common,
    afterDownload,
    deleteAfterDays: deleteAfterDays ?? null,
    deleteWhenExpunged,
    pollIntervalSeconds,
    maxMessageBytes: maxMessageBytes ?? null,
  };
}

export function toNewRow(id: AccountId, settings: AccountSettings, status: AccountStatus): Partial<AccountEntity> {
  return { id, ...toSettingsRow(settings), state: status.state, stateSince: status.since, createdAt: status.since };
}
