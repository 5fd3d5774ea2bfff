import type { Account, Pop3Account } from '../../accounts/account.js';
import { possiblePolicies } from '../../accounts/pop3-policies.js';
import { toPublicId } from '../../common/public-id.js';
import { encodeChangeCursor } from '../../events/change-cursor.js';
import type { AccountId } from '../../mailbox/model/ids.js';
import { bothFilters, toMessageFilter } from '../message-filter.js';
import type * as gql from '../generated/schema-types.js';
import type { OperationContext } from '../operation-context.js';
import { toOrder, toPageRequest } from '../page-args.js';
import type { Resolved } from '../resolved.js';
import { toThreadPage } from './thread-view.js';

/** Before the first sign-in it is not known what the server can do; what the protocol allows at most is not promised. */
const unknownCapabilities = { manageMailboxes: false, push: false, keywords: false, move: false, server: [] };

const usualLogLines = 200;

export class AccountView implements Resolved<gql.Account> {
  readonly __typename = 'Account';
  readonly id: string;
  readonly name: string;
  readonly emailAddress: string | undefined;
  readonly protocol: gql.Protocol;
  readonly storage: gql.MailStorage;
  readonly server: Resolved<gql.ServerSettings>;
  readonly status: Resolved<gql.AccountStatus>;
  readonly capabilities: Resolved<gql.AccountCapabilities>;
  readonly pop3: Resolved<gql.Pop3Policy> | undefined;
  readonly changeCursor: string;
  readonly createdAt: Date;
  private readonly uuid: AccountId;

  constructor(account: Account) {
    const { protocol, server, status, capabilities } = account;
    this.uuid = account.id;
    this.id = toPublicId('account', account.id);
    this.name = account.name;
    this.emailAddress = account.emailAddress;
    this.protocol = protocol;
    this.storage = protocol === 'POP3' ? 'GATEWAY' : 'SERVER';
    this.server = server;
    this.status = status;
    this.capabilities = { sharedState: protocol === 'IMAP', ...(capabilities ?? unknownCapabilities), threads: true };
    this.pop3 = protocol === 'POP3' ? toPop3Policy(account) : undefined;
    this.changeCursor = encodeChangeCursor(account.id, account.changePosition);
    this.createdAt = account.createdAt;
  }

  async mailboxes({ specialUse }: gql.AccountMailboxesArgs, { loaders, views }: OperationContext) {
    const all = await loaders.mailboxesOf.load(this.uuid);
    const wanted = specialUse ? all.filter((m) => m.specialUse && specialUse.includes(m.specialUse)) : all;
    return wanted.map((mailbox) => views.mailbox(mailbox));
  }

  async messages(args: gql.AccountMessagesArgs, { loaders, views, limits }: OperationContext) {
    const filter = bothFilters({ accountIds: [this.uuid] }, toMessageFilter(args.filter));
    const page = toPageRequest(args, limits.maxPageSize);
    return views.messagePage(await loaders.listMessages({ filter, order: toOrder(args.orderBy), page }), filter);
  }

  async threads(args: gql.AccountThreadsArgs, { loaders, views, limits }: OperationContext) {
    const filter = toMessageFilter(args.filter);
    const page = toPageRequest(args, limits.maxPageSize);
    return toThreadPage(await loaders.listThreads(this.uuid, { filter, page }), views.thread);
  }

  quota(_: unknown, { loaders }: OperationContext) {
    return loaders.quotaOf(this.uuid);
  }

  sync(_: unknown, { loaders }: OperationContext) {
    return loaders.sync.load(this.uuid);
  }

  async unreadableMessages(_: unknown, { loaders, views }: OperationContext) {
    return (await loaders.unreadableOf.load(this.uuid)).map((message) => views.message(message));
  }

  protocolLog({ last }: gql.AccountProtocolLogArgs, { loaders }: OperationContext) {
    return loaders.protocolLogOf(this.uuid, last ?? usualLogLines);
  }
}

const toPop3Policy = ({ policy, poll }: Pop3Account): Resolved<gql.Pop3Policy> => ({
  ...policy,
  ...poll,
  possiblePolicies: possiblePolicies(poll.lastPoll?.hasUidl),
  warnings: poll.lastPoll?.warnings ?? [],
});
