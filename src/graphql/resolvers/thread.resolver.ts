import { Args, Context, Query, Resolver } from '@nestjs/graphql';
import type * as gql from '../generated/schema-types.js';
import { findId } from '../ids.js';
import type { OperationContext } from '../operation-context.js';
import type { Resolved } from '../resolved.js';

@Resolver()
export class ThreadResolver {
  @Query()
  async thread(
    @Args() { id }: gql.QueryThreadArgs,
    @Context() { loaders, views }: OperationContext,
  ): Promise<Resolved<gql.Thread> | null> {
    const uuid = findId('thread', id);
    const thread = uuid && (await loaders.thread.load(uuid));
    return thread ? views.thread(thread) : null;
  }
}
