import { toPublicId } from '../../common/public-id.js';
import type { MessagePage } from '../../mailbox/mailbox.service.js';
import type { Message } from '../../mailbox/model/message.js';
import type { MessageFilter } from '../../mailbox/model/search.js';
import type * as gql from '../generated/schema-types.js';
import type { OperationContext } from '../operation-context.js';
import type { Resolved } from '../resolved.js';
import { toUserError } from '../user-error.js';
import { toPageInfo } from './page-info.js';

export class MessagePageView implements Resolved<gql.MessageConnection> {
  readonly edges: readonly Resolved<gql.MessageEdge>[];
  readonly nodes: readonly Resolved<gql.Message>[];
  readonly pageInfo: gql.PageInfo;
  readonly incomplete: readonly gql.AccountFailure[];

  constructor(
    page: MessagePage,
    private readonly filter: MessageFilter,
    toView: (message: Message) => Resolved<gql.Message>,
  ) {
    this.edges = page.edges.map(({ cursor, node }) => ({ cursor, node: toView(node) }));
    this.nodes = this.edges.map(({ node }) => node as Resolved<gql.Message>);
    this.pageInfo = toPageInfo(page);
    this.incomplete = page.incomplete.map(({ accountId, error }) => ({
      accountId: toPublicId('account', accountId),
      error: toUserError(error),
    }));
  }

  totalCount(_: unknown, { loaders }: OperationContext) {
    return loaders.countMessages(this.filter);
  }
}
