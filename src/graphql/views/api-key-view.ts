import type { ApiKey } from '../../auth/api-key.js';
import { toPublicId } from '../../common/public-id.js';
import type * as gql from '../generated/schema-types.js';

export const toApiKeyView = (key: ApiKey): gql.ApiKey & { readonly __typename: 'ApiKey' } => ({
  __typename: 'ApiKey',
  id: toPublicId('apiKey', key.id),
  name: key.name,
  scopes: key.scopes,
  accountIds: key.accountIds?.map((id) => toPublicId('account', id)),
  createdAt: key.createdAt,
  lastUsedAt: key.lastUsedAt,
  expiresAt: key.expiresAt,
});
