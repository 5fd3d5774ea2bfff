import { Inject } from '@nestjs/common';
import { Args, Context, Mutation, Query, Resolver } from '@nestjs/graphql';
import type { Account } from '../../accounts/account.js';
import { AccountService } from '../../accounts/account.service.js';
import { notFound } from '../../mailbox/mailbox.errors.js';
import { MailboxService } from '../../mailbox/mailbox.service.js';
import type { AccountId } from '../../mailbox/model/ids.js';
import type * as gql from '../generated/schema-types.js';
import { findId, requireId } from '../ids.js';
import type { OperationContext } from '../operation-context.js';
import { checkPageSize } from '../page-args.js';
import type { Resolved } from '../resolved.js';
import { payload } from '../user-error.js';
import { toPageInfo } from '../views/page-info.js';

const usualPageSize = 20;

@Resolver()
export class AccountResolver {
  constructor(
    @Inject(AccountService) private readonly service: AccountService,
    @Inject(MailboxService) private readonly mailboxes: MailboxService,
  ) {}

  @Query()
  async account(
    @Args() { id }: gql.QueryAccountArgs,
    @Context() { loaders, views }: OperationContext,
  ): Promise<Resolved<gql.Account> | null> {
    const uuid = findId('account', id);
    const account = uuid && (await loaders.account.load(uuid));
    return account ? views.account(account) : null;
  }

  @Query()
  async accounts(
    @Args() { first, after, filter }: gql.QueryAccountsArgs,
    @Context() { principal, views, limits }: OperationContext,
  ): Promise<Resolved<gql.AccountConnection>> {
    const page = await this.service.list(principal, {
      first: checkPageSize(first ?? usualPageSize, 'first', limits.maxPageSize),
      after: after ?? undefined,
      protocol: filter?.protocol ?? undefined,
      states: filter?.states ?? undefined,
      text: filter?.text ?? undefined,
    });
    const edges = page.edges.map(({ cursor, node }) => ({ cursor, node: views.account(node) }));
    return { edges, nodes: edges.map(({ node }) => node), pageInfo: toPageInfo(page), totalCount: page.totalCount };
  }

  @Mutation()
  pauseAccount(@Args() { accountId }: gql.MutationPauseAccountArgs, @Context() context: OperationContext) {
    return this.change(context, accountId, (id) => this.service.pause(context.principal, id));
  }

  @Mutation()
  resumeAccount(@Args() { accountId }: gql.MutationResumeAccountArgs, @Context() context: OperationContext) {
    return this.change(context, accountId, (id) => this.service.resume(context.principal, id));
  }

  @Mutation()
  syncAccount(
    @Args() { accountId }: gql.MutationSyncAccountArgs,
    @Context() { principal, views }: OperationContext,
  ): Promise<Resolved<gql.SyncAccountPayload>> {
    return payload(async () => {
      const id = requireId('account', accountId, ['accountId']);
      const { pop3 } = await this.mailboxes.syncNow(principal, id);
      // Read afterwards: what the synchronisation found is in it.
      const [account] = await this.service.findMany(principal, [id]);
      if (!account) throw notFound('account');
      return { account: views.account(account), pop3 };
    });
  }

  @Mutation()
  removeAccount(
    @Args() { input }: gql.MutationRemoveAccountArgs,
    @Context() { principal }: OperationContext,
  ): Promise<gql.RemoveAccountPayload> {
    return payload(async () => {
      const id = requireId('account', input.accountId, ['input', 'accountId']);
      await this.service.remove(principal, id, { deleteStoredMail: input.deleteStoredMail });
      return { removedAccountId: input.accountId };
    });
  }

  private change(
    { views }: OperationContext,
    accountId: string,
    work: (id: AccountId) => Promise<Account>,
  ): Promise<Resolved<gql.AccountPayload>> {
    return payload(async () => ({
      account: views.account(await work(requireId('account', accountId, ['accountId']))),
    }));
  }
}
