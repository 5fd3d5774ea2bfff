import { toPublicId } from '../common/public-id.js';
import { invalidInput, notFound } from '../mailbox/mailbox.errors.js';
import type { MessageFailure } from '../mailbox/message-commands.js';
import type { MessageId } from '../mailbox/model/ids.js';
import type { FlagChange } from '../mailbox/model/message.js';
import type * as gql from './generated/schema-types.js';
import { findId } from './ids.js';
import { toUserError } from './user-error.js';

export interface BulkIds {
  /** Each once. */
  readonly ids: readonly MessageId[];
  /** What is no id of a message: fails like one that names nothing. */
  readonly unknown: readonly gql.MessageFailure[];
}

/** @throws MailError INVALID_INPUT */
export function bulkIds(texts: readonly string[], max: number): BulkIds {
  if (texts.length > max) throw invalidInput(['input', 'ids'], `at most ${max} ids in one call`);
  const ids = new Set<MessageId>();
  const unknown = new Set<string>();
  for (const text of texts) {
    const id = findId('message', text);
    if (id) ids.add(id);
    else unknown.add(text);
  }
  const error = toUserError(notFound('message'));
  return { ids: [...ids], unknown: [...unknown].map((id) => ({ id, error })) };
}

export const toFailures = (failures: readonly MessageFailure[]): gql.MessageFailure[] =>
  failures.map(({ id, error }) => ({ id: toPublicId('message', id), error: toUserError(error) }));

/** null says as little as absence: the flag is left alone. */
export const toFlagChange = (input: gql.UpdateMessagesInput): FlagChange => ({
  seen: input.seen ?? undefined,
  flagged: input.flagged ?? undefined,
  answered: input.answered ?? undefined,
  draft: input.draft ?? undefined,
  addKeywords: input.addKeywords ?? undefined,
  removeKeywords: input.removeKeywords ?? undefined,
});
