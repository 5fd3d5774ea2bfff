import type { Account } from '../../accounts/account.js';
import { toPublicId } from '../../common/public-id.js';
import { encodeChangeCursor } from '../../events/change-cursor.js';
import type { Change } from '../../mailbox/model/change.js';
import type { MailboxId, MessageId } from '../../mailbox/model/ids.js';
import type * as gql from '../generated/schema-types.js';
import type { OperationContext } from '../operation-context.js';
import type { Resolved } from '../resolved.js';

const TYPE_NAMES = {
  MESSAGE_ADDED: 'MessageAdded',
  MESSAGE_UPDATED: 'MessageUpdated',
  MESSAGE_REMOVED: 'MessageRemoved',
  MAILBOX_ADDED: 'MailboxAdded',
  MAILBOX_UPDATED: 'MailboxUpdated',
  MAILBOX_REMOVED: 'MailboxRemoved',
  MAILBOX_RESET: 'MailboxReset',
  ACCOUNT_STATUS_CHANGED: 'AccountStatusChanged',
} as const satisfies Record<Change['type'], string>;

/**
 * A change as the contract shows it, with the objects it names read.
 * @returns undefined where one of them can no longer be found at all: then there is nothing left to tell
 */
export async function toChangeView(change: Change, ctx: OperationContext): Promise<Resolved<gql.Change> | undefined> {
  const [account, subject] = await Promise.all([ctx.loaders.account.load(change.accountId), subjectOf(change, ctx)]);
  if (!account || !subject) return undefined;
  return { ...commonFields(change, account, ctx), ...subject(account) };
}

const commonFields = ({ type, accountId, position, at }: Change, account: Account, { views }: OperationContext) => ({
  __typename: TYPE_NAMES[type],
  cursor: encodeChangeCursor(accountId, position),
  at,
  account: views.account(account),
});

type Subject = (account: Account) => object;

async function subjectOf(change: Change, ctx: OperationContext): Promise<Subject | undefined> {
  switch (change.type) {
    case 'MESSAGE_ADDED':
      return messageSubject(change.messageId, ctx, {});
    case 'MESSAGE_UPDATED': {
      const { previousMailboxId: previous } = change;
      return messageSubject(change.messageId, ctx, { previousMailboxId: previous && toPublicId('mailbox', previous) });
    }
    case 'MESSAGE_REMOVED':
      return () => ({
        messageId: toPublicId('message', change.messageId),
        mailboxId: toPublicId('mailbox', change.mailboxId),
      });
    case 'MAILBOX_ADDED':
    case 'MAILBOX_UPDATED':
    case 'MAILBOX_RESET':
      return mailboxSubject(change.mailboxId, ctx);
    case 'MAILBOX_REMOVED':
      return () => ({ mailboxId: toPublicId('mailbox', change.mailboxId), path: change.path });
    case 'ACCOUNT_STATUS_CHANGED':
      return ({ status }) => ({ status });
  }
}

async function messageSubject(id: MessageId, ctx: OperationContext, more: object): Promise<Subject | undefined> {
  const message = await ctx.loaders.messageOrGone.load(id);
  // Its mailbox is read here too: it is a field that must not be null.
  const mailbox = message && (await ctx.loaders.mailboxOrGone.load(message.mailboxId));
  return mailbox && (() => ({ message: ctx.views.message(message), ...more }));
}

async function mailboxSubject(id: MailboxId, ctx: OperationContext): Promise<Subject | undefined> {
  const mailbox = await ctx.loaders.mailboxOrGone.load(id);
  return mailbox && (() => ({ mailbox: ctx.views.mailbox(mailbox) }));
}
