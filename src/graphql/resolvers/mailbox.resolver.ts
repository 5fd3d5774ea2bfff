import { Inject } from '@nestjs/common';
import { Args, Context, Mutation, Query, Resolver } from '@nestjs/graphql';
import { MailboxService } from '../../mailbox/mailbox.service.js';
import type { Mailbox } from '../../mailbox/model/mailbox.js';
import type { MailboxId } from '../../mailbox/model/ids.js';
import type * as gql from '../generated/schema-types.js';
import { findId, requireId } from '../ids.js';
import type { OperationContext } from '../operation-context.js';
import type { Resolved } from '../resolved.js';
import { payload } from '../user-error.js';

type MailboxPayload = Promise<Resolved<gql.MailboxPayload>>;

@Resolver()
export class MailboxResolver {
  constructor(@Inject(MailboxService) private readonly mailboxes: MailboxService) {}

  @Query()
  async mailbox(
    @Args() { id }: gql.QueryMailboxArgs,
    @Context() { loaders, views }: OperationContext,
  ): Promise<Resolved<gql.Mailbox> | null> {
    const uuid = findId('mailbox', id);
    const mailbox = uuid && (await loaders.mailbox.load(uuid));
    return mailbox ? views.mailbox(mailbox) : null;
  }

  @Mutation()
  createMailbox(
    @Args() { input }: gql.MutationCreateMailboxArgs,
    @Context() context: OperationContext,
  ): MailboxPayload {
    return answer(context, async () =>
      this.mailboxes.createMailbox(context.principal, {
        accountId: requireId('account', input.accountId, ['input', 'accountId']),
        name: input.name,
        parentId: toParentId(input.parentId) ?? undefined,
      }),
    );
  }

  @Mutation()
  renameMailbox(
    @Args() { input }: gql.MutationRenameMailboxArgs,
    @Context() context: OperationContext,
  ): MailboxPayload {
    return answer(context, async () =>
      this.mailboxes.renameMailbox(context.principal, {
        mailboxId: requireId('mailbox', input.mailboxId, ['input', 'mailboxId']),
        name: input.name ?? undefined,
        parentId: toParentId(input.parentId),
      }),
    );
  }

  @Mutation()
  deleteMailbox(
    @Args() { mailboxId }: gql.MutationDeleteMailboxArgs,
    @Context() { principal }: OperationContext,
  ): Promise<gql.DeleteMailboxPayload> {
    return payload(async () => {
      await this.mailboxes.deleteMailbox(principal, requireId('mailbox', mailboxId, ['mailboxId']));
      return { deletedMailboxId: mailboxId };
    });
  }

  @Mutation()
  setMailboxSubscribed(
    @Args() { mailboxId, subscribed }: gql.MutationSetMailboxSubscribedArgs,
    @Context() context: OperationContext,
  ): MailboxPayload {
    return answer(context, async () => {
      const id = requireId('mailbox', mailboxId, ['mailboxId']);
      return this.mailboxes.setMailboxSubscribed(context.principal, id, subscribed);
    });
  }
}

const answer = ({ views }: OperationContext, work: () => Promise<Mailbox>): MailboxPayload =>
  payload(async () => ({ mailbox: views.mailbox(await work()) }));

/** null means the top, absent "where it is": the two are kept apart. */
const toParentId = (parentId: string | null | undefined): MailboxId | null | undefined =>
  parentId == null ? parentId : requireId('mailbox', parentId, ['input', 'parentId']);
