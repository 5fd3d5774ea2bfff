import { Inject } from '@nestjs/common';
import { Args, Context, Resolver, Subscription } from '@nestjs/graphql';
import { decodeChangeCursor } from '../../events/change-cursor.js';
import { EventService, type ChangeSelection } from '../../events/event.service.js';
import { patiently } from '../../events/patiently.js';
import type { Change } from '../../mailbox/model/change.js';
import type { AccountId } from '../../mailbox/model/ids.js';
import { ContextFactory } from '../context.factory.js';
import type { SourceEvent } from '../doors/source-event.js';
import type * as gql from '../generated/schema-types.js';
import { requireId, requireIds } from '../ids.js';
import { toMessageFilter } from '../message-filter.js';
import { newMessageTest } from '../new-message-test.js';
import type { OperationContext } from '../operation-context.js';
import { toChangeView } from '../views/change-view.js';

type Events = AsyncGenerator<SourceEvent, void, void>;
type Test = (change: Change, context: OperationContext) => boolean | Promise<boolean>;

interface Stream {
  readonly field: string;
  readonly selection: ChangeSelection;
  readonly test?: Test;
}

/** Each event is read and shown with loaders of its own. */
@Resolver()
export class SubscriptionResolver {
  constructor(
    @Inject(EventService) private readonly events: EventService,
    @Inject(ContextFactory) private readonly contexts: ContextFactory,
  ) {}

  @Subscription()
  changes(@Args() args: gql.SubscriptionChangesArgs, @Context() context: OperationContext): Events {
    const since = args.since?.map(({ accountId, cursor }) => {
      const id = requireId('account', accountId, ['since', 'accountId']);
      return { accountId: id, position: decodeChangeCursor(cursor, id, ['since', 'cursor']) };
    });
    const selection = { accountIds: toAccountIds(args.accountIds), since, types: args.types ?? undefined };
    return this.stream(context, { field: 'changes', selection });
  }

  @Subscription()
  messageAdded(@Args() args: gql.SubscriptionMessageAddedArgs, @Context() context: OperationContext): Events {
    const mailboxIds = args.mailboxIds && requireIds('mailbox', args.mailboxIds, ['mailboxIds']);
    return this.stream(context, {
      field: 'messageAdded',
      selection: { accountIds: toAccountIds(args.accountIds), types: ['MESSAGE_ADDED'] },
      test: newMessageTest(mailboxIds ?? undefined, toMessageFilter(args.filter)),
    });
  }

  @Subscription()
  accountStatusChanged(
    @Args() { accountIds }: gql.SubscriptionAccountStatusChangedArgs,
    @Context() context: OperationContext,
  ): Events {
    const selection: ChangeSelection = { accountIds: toAccountIds(accountIds), types: ['ACCOUNT_STATUS_CHANGED'] };
    return this.stream(context, { field: 'accountStatusChanged', selection });
  }

  @Subscription()
  async *syncProgress(
    @Args() { accountId }: gql.SubscriptionSyncProgressArgs,
    @Context() context: OperationContext,
  ): Events {
    const id = requireId('account', accountId, ['accountId']);
    for await (const progress of this.events.progress(context.principal, id, context.signal)) {
      yield { root: { syncProgress: progress }, context };
    }
  }

  private async *stream(context: OperationContext, { field, selection, test }: Stream): Events {
    for await (const change of this.events.changes(context.principal, selection, context.signal)) {
      const shown = await patiently(() => this.show(change, context, test), context.signal);
      if (shown) yield { root: { [field]: shown.view }, context: shown.fresh };
    }
  }

  /** @returns undefined for what is not wanted, or is gone */
  private async show(change: Change, context: OperationContext, test?: Test) {
    const fresh = this.contexts.renew(context);
    if (test && !(await test(change, fresh))) return undefined;
    const view = await toChangeView(change, fresh);
    return view && { view, fresh };
  }
}

const toAccountIds = (texts: readonly string[] | null | undefined): readonly AccountId[] | undefined =>
  texts ? requireIds('account', texts, ['accountIds']) : undefined;
