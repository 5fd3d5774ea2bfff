import { invalidInput } from '../mailbox/mailbox.errors.js';
import type { MessageFilter } from '../mailbox/model/search.js';
import type * as gql from './generated/schema-types.js';
import { findId, findIds } from './ids.js';

const maxDepth = 5;
const maxConditions = 50;
const maxTextLength = 500;

/**
 * From the contract to the model: null is absent, ids that can name nothing match nothing.
 * @throws MailError INVALID_INPUT where it is nested deeper or wider than one statement should be, or a text is too long
 */
export function toMessageFilter(filter: gql.MessageFilter | null | undefined): MessageFilter {
  if (!filter) return {};
  let conditions = 0;
  const convert = (input: gql.MessageFilter, depth: number): MessageFilter => {
    conditions += Object.keys(input).length;
    if (depth > maxDepth || conditions > maxConditions) {
      throw invalidInput(['filter'], `at most ${maxConditions} conditions, nested at most ${maxDepth} deep`);
    }
    const { accountIds, mailboxIds, ids, threadId, specialUse, header, and, or, not, ...plain } = input;
    return withoutAbsent({
      ...plain,
      accountIds: accountIds && findIds('account', accountIds),
      mailboxIds: mailboxIds && findIds('mailbox', mailboxIds),
      // What can be no thread's id matches nothing, as no message has it.
      ids: threadId != null && !findId('thread', threadId) ? [] : ids && findIds('message', ids),
      threadId: threadId == null ? undefined : findId('thread', threadId),
      specialUse,
      header,
      and: and?.map((part) => convert(part, depth + 1)),
      or: or?.map((part) => convert(part, depth + 1)),
      not: not && convert(not, depth + 1),
    });
  };
  checkTexts(filter);
  return convert(filter, 1);
}

/** Both must hold. */
export const bothFilters = (a: MessageFilter, b: MessageFilter): MessageFilter =>
  Object.keys(b).length === 0 ? a : { ...a, and: [b] };

type NoNulls<T> = { readonly [K in keyof T]: Exclude<T[K], null> };

function withoutAbsent<T extends object>(value: T): NoNulls<T> {
  const present = Object.entries(value).filter(([, inner]) => inner !== null && inner !== undefined);
  return Object.fromEntries(present) as NoNulls<T>;
}

function checkTexts(filter: object): void {
  for (const [name, value] of Object.entries(filter)) {
    if (typeof value === 'string') {
      if (value.length > maxTextLength)
        throw invalidInput(['filter', name], `${name} has more than ${maxTextLength} characters`);
    } else if (typeof value === 'object' && value !== null) checkTexts(value);
  }
}
