import type { Pop3Policy } from '../../accounts/account.js';
import type { PollWarning, PollWarningCode } from '../../mailbox/model/poll-result.js';
import type { Pop3Capabilities } from '../capabilities.js';
import type { Maildrop } from '../maildrop.js';

/** What a person should know who chose this policy for this server. Pure. */
export function pollWarnings(
  { hasUidl }: Maildrop,
  capabilities: Pop3Capabilities | undefined,
  policy: Pop3Policy,
): readonly PollWarning[] {
  const messages: Record<PollWarningCode, string | undefined> = {
    EXPIRES_BEFORE_POLICY: expiry(capabilities?.expireDays, policy),
    NO_UIDL: hasUidl ? undefined : withoutUidl(policy),
    POLLED_LESS_OFTEN: pause(capabilities?.loginDelaySeconds ?? 0, policy),
  };
  return (Object.keys(messages) as PollWarningCode[]).flatMap((code) => {
    const message = messages[code];
    return message === undefined ? [] : [{ code, message }];
  });
}

function expiry(days: Pop3Capabilities['expireDays'], policy: Pop3Policy): string | undefined {
  if (days === undefined || days === 'NEVER' || policy.afterDownload === 'DELETE') return undefined;
  const wanted = policy.afterDownload === 'KEEP' ? Infinity : (policy.deleteAfterDays ?? Infinity);
  if (days >= wanted) return undefined;
  const when = days === 0 ? 'as soon as they were fetched' : `after ${days} days`;
  return `the mail server may remove messages ${when}, whatever afterDownload says: the copy here can be the only one`;
}

function withoutUidl({ afterDownload, deleteWhenExpunged }: Pop3Policy): string {
  const costs = 'the mail server has no UIDL, so every poll fetches the whole maildrop to find what is new';
  if (afterDownload === 'DELETE_AFTER_DAYS') return `${costs}: afterDownload should be DELETE or KEEP`;
  if (deleteWhenExpunged) return `${costs}, which deleteWhenExpunged needs too`;
  return afterDownload === 'KEEP' ? `${costs}: afterDownload DELETE keeps it small` : costs;
}

const pause = (delaySeconds: number, { pollIntervalSeconds }: Pop3Policy): string | undefined =>
  delaySeconds > pollIntervalSeconds
    ? `the mail server wants ${delaySeconds} seconds between sign-ins: pollIntervalSeconds is ${pollIntervalSeconds}`
    : undefined;
