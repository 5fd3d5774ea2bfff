import { toPublicId } from '../../common/public-id.js';
import { notFound } from '../../mailbox/mailbox.errors.js';
import { mailboxName } from '../../mailbox/model/mailbox-path.js';
import type { Mailbox } from '../../mailbox/model/mailbox.js';
import type * as gql from '../generated/schema-types.js';
import { bothFilters, toMessageFilter } from '../message-filter.js';
import type { OperationContext } from '../operation-context.js';
import { toOrder, toPageRequest } from '../page-args.js';
import type { Resolved } from '../resolved.js';

/** As they stand in an address. */
const EXPORT_NAMES: Readonly<Record<gql.MailboxExportFormat, string>> = {
  MBOX: 'mbox',
  EML: 'eml',
  MAILDIR: 'maildir',
};

export class MailboxView implements Resolved<gql.Mailbox> {
  readonly __typename = 'Mailbox';
  readonly id: string;
  readonly name: string;
  readonly path: string;
  readonly delimiter: string | undefined;
  readonly specialUse: gql.SpecialUse | undefined;
  readonly subscribed: boolean;
  readonly selectable: boolean;
  readonly totalMessages: number;
  readonly unseenMessages: number;
  readonly sync: gql.SyncStatus;

  constructor(private readonly mailbox: Mailbox) {
    this.id = toPublicId('mailbox', mailbox.id);
    this.name = mailboxName(mailbox);
    this.path = mailbox.path;
    this.delimiter = mailbox.delimiter;
    this.specialUse = mailbox.specialUse;
    this.subscribed = mailbox.subscribed;
    this.selectable = mailbox.selectable;
    this.totalMessages = mailbox.totalMessages;
    this.unseenMessages = mailbox.unseenMessages;
    this.sync = mailbox.sync;
  }

  async account(_: unknown, { loaders, views }: OperationContext) {
    const account = await loaders.account.load(this.mailbox.accountId);
    if (!account) throw notFound('account');
    return views.account(account);
  }

  async parent(_: unknown, { loaders, views }: OperationContext) {
    const parent = this.mailbox.parentId && (await loaders.mailboxOrGone.load(this.mailbox.parentId));
    return parent ? views.mailbox(parent) : null;
  }

  async children(_: unknown, { loaders, views }: OperationContext) {
    const all = await loaders.mailboxesOf.load(this.mailbox.accountId);
    return all.filter(({ parentId }) => parentId === this.mailbox.id).map((child) => views.mailbox(child));
  }

  exportUrl({ format }: gql.MailboxExportUrlArgs, { links }: OperationContext) {
    return links.mailboxExport(this.mailbox.id, EXPORT_NAMES[format]);
  }

  async messages(args: gql.MailboxMessagesArgs, { loaders, views, limits }: OperationContext) {
    const { id, accountId } = this.mailbox;
    const filter = bothFilters({ accountIds: [accountId], mailboxIds: [id] }, toMessageFilter(args.filter));
    const page = toPageRequest(args, limits.maxPageSize);
    return views.messagePage(await loaders.listMessages({ filter, order: toOrder(args.orderBy), page }), filter);
  }
}
