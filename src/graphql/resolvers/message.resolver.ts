import { Args, Context, Query, Resolver } from '@nestjs/graphql';
import type * as gql from '../generated/schema-types.js';
import { findId } from '../ids.js';
import { toMessageFilter } from '../message-filter.js';
import type { OperationContext } from '../operation-context.js';
import { toOrder, toPageRequest } from '../page-args.js';
import type { Resolved } from '../resolved.js';

@Resolver()
export class MessageResolver {
  @Query()
  async message(
    @Args() { id }: gql.QueryMessageArgs,
    @Context() { loaders, views }: OperationContext,
  ): Promise<Resolved<gql.Message> | null> {
    const uuid = findId('message', id);
    const message = uuid && (await loaders.message.load(uuid));
    return message ? views.message(message) : null;
  }

  @Query()
  async messages(
    @Args() args: gql.QueryMessagesArgs,
    @Context() { loaders, views, limits }: OperationContext,
  ): Promise<Resolved<gql.MessageConnection>> {
    const filter = toMessageFilter(args.filter);
    const page = toPageRequest(args, limits.maxPageSize);
    return views.messagePage(await loaders.listMessages({ filter, order: toOrder(args.orderBy), page }), filter);
  }
}
