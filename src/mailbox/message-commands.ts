import { isMailError, MailError, notFound } from './mailbox.errors.js';
import type { Outcome } from './keeper.port.js';
import type { AccountId, MailboxId, MessageId } from './model/ids.js';
import type { Message } from './model/message.js';

export interface MessageFailure {
  readonly id: MessageId;
  readonly error: MailError;
}

export interface MessagesResult {
  readonly messages: readonly Message[];
  readonly failures: readonly MessageFailure[];
}

/** Messages that can be told a command together: of one mailbox. */
export interface MessageGroup {
  readonly accountId: AccountId;
  readonly mailboxId: MailboxId;
  readonly ids: readonly MessageId[];
}

export function groupByMailbox(messages: readonly Message[]): readonly MessageGroup[] {
  const groups = new Map<MailboxId, MessageGroup & { ids: MessageId[] }>();
  for (const { id, accountId, mailboxId } of messages) {
    const group = groups.get(mailboxId) ?? { accountId, mailboxId, ids: [] };
    group.ids.push(id);
    groups.set(mailboxId, group);
  }
  return [...groups.values()];
}

export const failAll = (ids: readonly MessageId[], error: unknown): MessageFailure[] =>
  ids.map((id) => ({ id, error: asMailError(error) }));

export const missing = (wanted: readonly MessageId[], have: readonly Message[]): MessageFailure[] => {
  const known = new Set(have.map(({ id }) => id));
  return failAll(
    wanted.filter((id) => !known.has(id)),
    notFound('message'),
  );
};

export const failuresOf = <T>(outcomes: readonly Outcome<T>[]): MessageFailure[] =>
  outcomes.flatMap((outcome) => (outcome.ok ? [] : [{ id: outcome.messageId, error: asMailError(outcome.error) }]));

/** Anything that is not ours is a fault of the gateway: rethrown, so that it is logged and masked like every other. */
export function asMailError(error: unknown): MailError {
  if (isMailError(error)) return error;
  throw error;
}
