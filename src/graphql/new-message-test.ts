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
    const one = { accountIds: [change.accountId], ids: [change.messageId] };
    return (await loaders.countMessages(bothFilters(one, filter))) > 0;
  };
}
