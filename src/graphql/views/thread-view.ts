import { toPublicId } from '../../common/public-id.js';
import { notFound } from '../../mailbox/mailbox.errors.js';
import type { MessageFilter, MessageOrder, Page } from '../../mailbox/model/search.js';
import type { Thread } from '../../mailbox/model/thread.js';
import { baseSubject } from '../../mime/base-subject.js';
import type * as gql from '../generated/schema-types.js';
import type { OperationContext } from '../operation-context.js';
import { toPageRequest } from '../page-args.js';
import type { Resolved } from '../resolved.js';
import { toPageInfo } from './page-info.js';

const OLDEST_FIRST: MessageOrder = { field: 'RECEIVED_AT', direction: 'ASC' };

export class ThreadView implements Resolved<gql.Thread> {
  readonly __typename = 'Thread';
  readonly id: string;
  readonly subject: string | undefined;
  readonly participants: readonly gql.Address[];
  readonly messageCount: number;
  readonly unseenCount: number;
  readonly lastMessageAt: Date;

  constructor(private readonly thread: Thread) {
    this.id = toPublicId('thread', thread.id);
    this.subject = baseSubject(thread.subject ?? '') || undefined;
    this.participants = thread.participants;
    this.messageCount = thread.messageCount;
    this.unseenCount = thread.unseenCount;
    this.lastMessageAt = thread.lastMessageAt;
  }

  async account(_: unknown, { loaders, views }: OperationContext) {
    const account = await loaders.account.load(this.thread.accountId);
    if (!account) throw notFound('account');
    return views.account(account);
  }

  async messages(args: gql.ThreadMessagesArgs, { loaders, views, limits }: OperationContext) {
    const { id, accountId } = this.thread;
    const filter: MessageFilter = { accountIds: [accountId], threadId: id, eachOnce: true };
    const page = toPageRequest(args, limits.maxPageSize);
    return views.messagePage(await loaders.listMessages({ filter, order: OLDEST_FIRST, page }), filter);
  }
}

export function toThreadPage(
  page: Page<Thread>,
  toView: (thread: Thread) => Resolved<gql.Thread>,
): Resolved<gql.ThreadConnection> {
  const edges = page.edges.map(({ cursor, node }) => ({ cursor, node: toView(node) }));
  return { edges, nodes: edges.map(({ node }) => node), pageInfo: toPageInfo(page) };
}
