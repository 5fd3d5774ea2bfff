import { AccountResolver } from './account.resolver.js';
import { AccountSettingsResolver } from './account-settings.resolver.js';
import { AuthResolver } from './auth.resolver.js';
import { ChangeResolver } from './change.resolver.js';
import { MailboxResolver } from './mailbox.resolver.js';
import { MessageCommandsResolver } from './message-commands.resolver.js';
import { MessageResolver } from './message.resolver.js';
import { NodeResolver } from './node.resolver.js';
import { SubscriptionResolver } from './subscription.resolver.js';
import { ThreadResolver } from './thread.resolver.js';

export const RESOLVERS = [
  AccountResolver,
  AccountSettingsResolver,
  AuthResolver,
  ChangeResolver,
  MailboxResolver,
  MessageCommandsResolver,
  MessageResolver,
  NodeResolver,
  SubscriptionResolver,
  ThreadResolver,
];
