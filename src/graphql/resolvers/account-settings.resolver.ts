import { Inject } from '@nestjs/common';
import { Args, Context, Mutation, Resolver } from '@nestjs/graphql';
import type { AddAccountInput, UpdateAccountInput } from '../../accounts/account-input.js';
import { AccountService } from '../../accounts/account.service.js';
import { possiblePolicies } from '../../accounts/pop3-policies.js';
import type * as gql from '../generated/schema-types.js';
import { requireId } from '../ids.js';
import type { OperationContext } from '../operation-context.js';
import type { Resolved } from '../resolved.js';
import { payload, toUserError } from '../user-error.js';

@Resolver()
export class AccountSettingsResolver {
  constructor(@Inject(AccountService) private readonly accounts: AccountService) {}

  @Mutation()
  addAccount(
    @Args() { input }: gql.MutationAddAccountArgs,
    @Context() { principal, views }: OperationContext,
  ): Promise<Resolved<gql.AccountPayload>> {
    return payload(async () => ({ account: views.account(await this.accounts.add(principal, toAddInput(input))) }));
  }

  @Mutation()
  updateAccount(
    @Args() { input }: gql.MutationUpdateAccountArgs,
    @Context() { principal, views }: OperationContext,
  ): Promise<Resolved<gql.AccountPayload>> {
    return payload(async () => {
      const accountId = requireId('account', input.accountId, ['input', 'accountId']);
      // The service checks every field and takes the lists as they are.
      const patch = { ...input, accountId } as UpdateAccountInput;
      return { account: views.account(await this.accounts.update(principal, patch)) };
    });
  }

  @Mutation()
  verifyAccount(
    @Args() { input }: gql.MutationVerifyAccountArgs,
    @Context() { principal }: OperationContext,
  ): Promise<gql.VerifyAccountPayload> {
    const nothing = { ok: false, steps: [], serverCapabilities: [] };
    return payload(async () => {
      const { error, hasUidl, ...report } = await this.accounts.verify(principal, toAddInput(input));
      const policies = possiblePolicies(hasUidl);
      return {
        ...report,
        possiblePolicies: policies && [...policies],
        ...(error && { errors: [toUserError(error)] }),
      };
    }, nothing);
  }
}

/** The service checks every field and takes the lists as they are. */
const toAddInput = (input: gql.AddAccountInput): AddAccountInput => input as AddAccountInput;
