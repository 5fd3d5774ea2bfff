import { Inject } from '@nestjs/common';
import { Args, Context, Query, Resolver } from '@nestjs/graphql';
import { ApiKeyService } from '../../auth/api-key.service.js';
import { parsePublicId } from '../../common/public-id.js';
import { invalidInput } from '../../mailbox/mailbox.errors.js';
import type { AccountId, MailboxId, MessageId, ThreadId } from '../../mailbox/model/ids.js';
import type * as gql from '../generated/schema-types.js';
import type { OperationContext } from '../operation-context.js';
import type { Resolved } from '../resolved.js';
import { toApiKeyView } from '../views/api-key-view.js';

type Node = Resolved<gql.Node> | null;

@Resolver()
export class NodeResolver {
  constructor(@Inject(ApiKeyService) private readonly apiKeys: ApiKeyService) {}

  @Query()
  node(@Args() { id }: gql.QueryNodeArgs, @Context() context: OperationContext): Promise<Node> {
    return this.find(id, context);
  }

  @Query()
  nodes(@Args() { ids }: gql.QueryNodesArgs, @Context() context: OperationContext): Promise<Node[]> {
    const { maxPageSize } = context.limits;
    if (ids.length > maxPageSize) throw invalidInput(['ids'], `at most ${maxPageSize} ids at once`);
    return Promise.all(ids.map((id) => this.find(id, context)));
  }

  @Query()
  limits(@Context() { limits }: OperationContext): gql.Limits {
    return limits;
  }

  private async find(text: string, context: OperationContext): Promise<Node> {
    const { loaders, views } = context;
    const { kind, uuid } = parsePublicId(text) ?? {};
    switch (kind) {
      case 'account':
        return show(await loaders.account.load(uuid as AccountId), views.account);
      case 'mailbox':
        return show(await loaders.mailbox.load(uuid as MailboxId), views.mailbox);
      case 'message':
        return show(await loaders.message.load(uuid as MessageId), views.message);
      case 'thread':
        return show(await loaders.thread.load(uuid as ThreadId), views.thread);
      case 'apiKey':
        return this.findKey(uuid as string, context);
      case undefined:
        return null;
    }
  }

  /** Whoever may not see keys at all is told the same as for a key that does not exist. */
  private async findKey(uuid: string, { principal }: OperationContext): Promise<Node> {
    if (!principal.scopes.includes('ADMIN')) return null;
    const key = (await this.apiKeys.list(principal)).find(({ id }) => id === uuid);
    return show(key, toApiKeyView);
  }
}

const show = <T>(found: T | undefined, toView: (found: T) => Resolved<gql.Node>): Node =>
  found === undefined ? null : toView(found);
