import { Inject } from '@nestjs/common';
import { Args, Context, Query, Resolver } from '@nestjs/graphql';
import { decodeChangeCursor, encodeChangeCursor } from '../../events/change-cursor.js';
import { EventService } from '../../events/event.service.js';
import type * as gql from '../generated/schema-types.js';
import { requireId } from '../ids.js';
import type { OperationContext } from '../operation-context.js';
import { checkPageSize } from '../page-args.js';
import type { Resolved } from '../resolved.js';
import { toChangeView } from '../views/change-view.js';

const usualPageSize = 100;

@Resolver()
export class ChangeResolver {
  constructor(@Inject(EventService) private readonly events: EventService) {}

  @Query()
  async changes(
    @Args() { accountId, since, first }: gql.QueryChangesArgs,
    @Context() context: OperationContext,
  ): Promise<Resolved<gql.ChangePage>> {
    const id = requireId('account', accountId, ['accountId']);
    const size = checkPageSize(first ?? usualPageSize, 'first', context.limits.maxPageSize);
    const page = await this.events.readChanges(context.principal, id, decodeChangeCursor(since, id), size);
    const views = await Promise.all(page.changes.map((change) => toChangeView(change, context)));
    return {
      changes: views.filter((view) => view !== undefined),
      cursor: encodeChangeCursor(id, page.position),
      hasMore: page.hasMore,
    };
  }
}
