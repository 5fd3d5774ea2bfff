import type { NewMailbox } from '../store/mirror.port.js';

const mailbox = (path: string, specialUse: NewMailbox['specialUse']): NewMailbox => ({
  path,
  delimiter: '/',
  specialUse,
  subscribed: true,
  selectable: true,
  complete: true,
});

/** What an account begins with whose messages live in the gateway: POP3 knows one maildrop and no mailboxes. */
export const LOCAL_MAILBOXES: readonly NewMailbox[] = [
  // Not complete before the first visit: until then nobody knows what the maildrop holds.
  { ...mailbox('INBOX', 'INBOX'), complete: false },
  mailbox('Drafts', 'DRAFTS'),
  mailbox('Sent', 'SENT'),
  mailbox('Archive', 'ARCHIVE'),
  mailbox('Junk', 'JUNK'),
  mailbox('Trash', 'TRASH'),
];
