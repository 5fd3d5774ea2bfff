import type { Change } from '../mailbox/model/change.js';
import type { MailboxId } from '../mailbox/model/ids.js';
import type { MessageFilter } from '../mailbox/model/search.js';
import { bothFilters } from './message-filter.js';
import type { OperationContext } from './operation-context.js';

/** Whether a change is a new message that a subscriber of `messageAdded` asked for. The store decides the filter, as it does for lists. */
export function newMessageTest(mailboxIds: readonly MailboxId[] | undefined, filter: MessageFilter) {
  const filtered = Object.keys(filter).length > 0;
  return async (change: Change, { loaders }: OperationContext): Promise<boolean> => {
    if (change.type !== 'MESSAGE_ADDED' || change.initial) return false;
    if (mailboxIds && !mailboxIds.includes(change.mailboxId)) return false;
    if (!filtered) return true;
    // What a header alone does not tell must not be decided by it.
    const message = asksForAttachments(filter) ? await loaders.message.load(change.messageId) : undefined;
    if (message) await loaders.structure.load(message);
    const one = { accountIds: [change.accountId], ids: [change.messageId] };
    return (await loaders.countMessages(bothFilters(one, filter))) > 0;
  };
}

function asksForAttachments(filter: MessageFilter): boolean {
  const { hasAttachments, and = [], or = [], not } = filter;
  const inner = [...and, ...or, ...(not ? [not] : [])];
  return hasAttachments !== undefined || inner.some(asksForAttachments);
}
