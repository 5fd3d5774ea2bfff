import type { Mailbox, SyncProgress } from './mailbox.js';

/** An account's progress, from its mailboxes'. One without any mailbox has not been listed yet. */
export function sumProgress(mailboxes: readonly Mailbox[]): SyncProgress {
  const counted = mailboxes.filter(({ selectable }) => selectable).map(({ sync }) => sync);
  const times = counted.flatMap(({ lastSyncAt }) => lastSyncAt?.getTime() ?? []);
  return {
    complete: mailboxes.length > 0 && counted.every(({ complete }) => complete),
    messagesTotal: counted.reduce((sum, { messagesTotal }) => sum + messagesTotal, 0),
    messagesSynced: counted.reduce((sum, { messagesSynced }) => sum + messagesSynced, 0),
    lastSyncAt: times.length > 0 ? new Date(Math.max(...times)) : undefined,
  };
}
