import { Inject } from '@nestjs/common';
import { Args, Context, Mutation, Query, Resolver } from '@nestjs/graphql';
import { ApiKeyService } from '../../auth/api-key.service.js';
import { toPublicId } from '../../common/public-id.js';
import type * as gql from '../generated/schema-types.js';
import { requireId, requireIds } from '../ids.js';
import type { OperationContext } from '../operation-context.js';
import { payload } from '../user-error.js';
import { toApiKeyView } from '../views/api-key-view.js';

@Resolver()
export class AuthResolver {
  constructor(@Inject(ApiKeyService) private readonly apiKeys: ApiKeyService) {}

  @Query()
  viewer(@Context() { principal }: OperationContext): gql.Viewer {
    const { kind, scopes, accountIds, expiresAt } = principal;
    return { kind, scopes, accountIds: accountIds?.map((id) => toPublicId('account', id)), expiresAt };
  }

  @Query('apiKeys')
  async listApiKeys(@Context() { principal }: OperationContext): Promise<gql.ApiKey[]> {
    return (await this.apiKeys.list(principal)).map(toApiKeyView);
  }

  @Mutation()
  createApiKey(
    @Args() { input }: gql.MutationCreateApiKeyArgs,
    @Context() { principal }: OperationContext,
  ): Promise<gql.CreateApiKeyPayload> {
    return payload(async () => {
      const { key, secret } = await this.apiKeys.create(principal, {
        name: input.name,
        scopes: input.scopes,
        accountIds: input.accountIds ? requireIds('account', input.accountIds, ['input', 'accountIds']) : undefined,
        expiresAt: input.expiresAt ?? undefined,
      });
      return { apiKey: toApiKeyView(key), secret };
    });
  }

  @Mutation()
  revokeApiKey(
    @Args() { id }: gql.MutationRevokeApiKeyArgs,
    @Context() { principal }: OperationContext,
  ): Promise<gql.RevokeApiKeyPayload> {
    return payload(async () => {
      await this.apiKeys.revoke(principal, requireId('apiKey', id, ['id']));
      return { revokedId: id };
    });
  }
}
