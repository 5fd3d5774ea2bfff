import type { Views } from '../operation-context.js';
import { AccountView } from './account-view.js';
import { MailboxView } from './mailbox-view.js';
import { MessagePageView } from './message-page-view.js';
import { MessageView } from './message-view.js';
import { ThreadView } from './thread-view.js';

export const VIEWS: Views = {
  account: (account) => new AccountView(account),
  mailbox: (mailbox) => new MailboxView(mailbox),
  message: (message) => new MessageView(message),
  thread: (thread) => new ThreadView(thread),
  messagePage: (page, filter) => new MessagePageView(page, filter, VIEWS.message),
};
