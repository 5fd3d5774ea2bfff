import type { Page } from '../../mailbox/model/search.js';
import type * as gql from '../generated/schema-types.js';

export const toPageInfo = ({ edges, hasNextPage, hasPreviousPage }: Page<unknown>): gql.PageInfo => ({
  hasNextPage,
  hasPreviousPage,
  startCursor: edges[0]?.cursor,
  endCursor: edges.at(-1)?.cursor,
});
