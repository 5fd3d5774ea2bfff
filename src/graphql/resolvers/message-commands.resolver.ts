import { Inject } from '@nestjs/common';
import { Args, Context, Mutation, Resolver } from '@nestjs/graphql';
import { MessageImportService } from '../../mailbox/message-import.service.js';
import { MessageService } from '../../mailbox/message.service.js';
import type { MessagesResult } from '../../mailbox/message-commands.js';
import type { MailboxId, MessageId } from '../../mailbox/model/ids.js';
import type * as gql from '../generated/schema-types.js';
import { requireId } from '../ids.js';
import { decodeImport } from '../import-octets.js';
import { bulkIds, toFailures, toFlagChange } from '../message-commands.js';
import type { OperationContext } from '../operation-context.js';
import type { Resolved } from '../resolved.js';
import { toPublicId } from '../../common/public-id.js';
import { payload } from '../user-error.js';

type MessagesPayload = Promise<Resolved<gql.MessagesPayload>>;
const nothing = { messages: [], failures: [] };

@Resolver()
export class MessageCommandsResolver {
  constructor(
    @Inject(MessageService) private readonly service: MessageService,
    @Inject(MessageImportService) private readonly imports: MessageImportService,
  ) {}

  @Mutation()
  updateMessages(@Args() { input }: gql.MutationUpdateMessagesArgs, @Context() context: OperationContext) {
    return answer(context, input.ids, (ids) =>
      this.service.updateMessages(context.principal, ids, toFlagChange(input)),
    );
  }

  @Mutation()
  moveMessages(@Args() { input }: gql.MutationMoveMessagesArgs, @Context() context: OperationContext) {
    return answer(context, input.ids, (ids) => this.service.moveMessages(context.principal, ids, target(input)));
  }

  @Mutation()
  copyMessages(@Args() { input }: gql.MutationCopyMessagesArgs, @Context() context: OperationContext) {
    return answer(context, input.ids, (ids) => this.service.copyMessages(context.principal, ids, target(input)));
  }

  @Mutation()
  deleteMessages(
    @Args() { input }: gql.MutationDeleteMessagesArgs,
    @Context() { principal, limits, views }: OperationContext,
  ): Promise<Resolved<gql.DeleteMessagesPayload>> {
    return payload(
      async () => {
        const { ids, unknown } = bulkIds(input.ids, limits.maxBulkIds);
        const { permanently } = input;
        const { trashed, deletedIds, failures } = await this.service.deleteMessages(principal, ids, { permanently });
        return {
          trashed: trashed.map(views.message),
          deletedIds: deletedIds.map((id) => toPublicId('message', id)),
          failures: [...unknown, ...toFailures(failures)],
        };
      },
      { trashed: [], deletedIds: [], failures: [] },
    );
  }

  @Mutation()
  importMessage(
    @Args() { input }: gql.MutationImportMessageArgs,
    @Context() { principal, limits, views }: OperationContext,
  ): Promise<Resolved<gql.MessagePayload>> {
    return payload(async () => {
      const { seen, flagged, draft, keywords } = input;
      const message = await this.imports.importMessage(principal, {
        mailboxId: target(input),
        octets: decodeImport(input.rawBase64, limits.maxImportBytes),
        receivedAt: input.receivedAt ?? undefined,
        idempotencyKey: input.idempotencyKey ?? undefined,
        flags: { seen, flagged, draft, answered: false, keywords },
      });
      return { message: views.message(message) };
    });
  }
}

const target = ({ mailboxId }: { readonly mailboxId: string }): MailboxId =>
  requireId('mailbox', mailboxId, ['input', 'mailboxId']);

/** Ids that can name nothing fail by themselves, as those that name nothing do. */
function answer(
  { limits, views }: OperationContext,
  texts: readonly string[],
  work: (ids: readonly MessageId[]) => Promise<MessagesResult>,
): MessagesPayload {
  return payload(async () => {
    const { ids, unknown } = bulkIds(texts, limits.maxBulkIds);
    const { messages, failures } = await work(ids);
    return { messages: messages.map(views.message), failures: [...unknown, ...toFailures(failures)] };
  }, nothing);
}
