import { toPublicId } from '../../common/public-id.js';
import { notFound } from '../../mailbox/mailbox.errors.js';
import type { Message, Part, ReadMessage } from '../../mailbox/model/message.js';
import { emptyThread } from '../../mailbox/model/thread.js';
import { findAttachments, isInlineImage } from '../../mime/body-parts.js';
import { estimateDecodedSize } from '../../mime/part-tree.js';
import type * as gql from '../generated/schema-types.js';
import type { OperationContext } from '../operation-context.js';
import type { Resolved } from '../resolved.js';
import { MessageBodyView } from './message-body-view.js';

export class MessageView implements Resolved<gql.Message> {
  readonly __typename = 'Message';
  readonly id: string;
  readonly emailId: string | undefined;
  readonly messageId: string | undefined;
  readonly inReplyTo: readonly string[];
  readonly references: readonly string[];
  readonly subject: string | undefined;
  readonly from: readonly gql.Address[];
  readonly sender: readonly gql.Address[];
  readonly replyTo: readonly gql.Address[];
  readonly to: readonly gql.Address[];
  readonly cc: readonly gql.Address[];
  readonly bcc: readonly gql.Address[];
  readonly sentAt: Date | undefined;
  readonly receivedAt: Date;
  readonly sizeBytes: number;
  readonly seen: boolean;
  readonly flagged: boolean;
  readonly answered: boolean;
  readonly draft: boolean;
  readonly keywords: readonly string[];
  readonly pop3: gql.Pop3Origin | undefined;

  constructor(private readonly message: Message) {
    const { envelope, flags } = message;
    this.id = toPublicId('message', message.id);
    this.emailId = message.emailId;
    this.messageId = envelope.messageId;
    this.inReplyTo = envelope.inReplyTo;
    this.references = envelope.references;
    this.subject = envelope.subject;
    this.from = envelope.from;
    this.sender = envelope.sender;
    this.replyTo = envelope.replyTo;
    this.to = envelope.to;
    this.cc = envelope.cc;
    this.bcc = envelope.bcc;
    this.sentAt = envelope.sentAt;
    this.receivedAt = message.internalDate;
    this.sizeBytes = message.sizeBytes;
    this.seen = flags.seen;
    this.flagged = flags.flagged;
    this.answered = flags.answered;
    this.draft = flags.draft;
    this.keywords = flags.keywords;
    this.pop3 = message.pop3;
  }

  async account(_: unknown, { loaders, views }: OperationContext) {
    const account = await loaders.account.load(this.message.accountId);
    if (!account) throw notFound('account');
    return views.account(account);
  }

  async mailbox(_: unknown, { loaders, views }: OperationContext) {
    const mailbox = await loaders.mailboxOrGone.load(this.message.mailboxId);
    if (!mailbox) throw notFound('mailbox');
    return views.mailbox(mailbox);
  }

  async thread(_: unknown, { loaders, views }: OperationContext) {
    return views.thread((await loaders.thread.load(this.message.threadId)) ?? emptyThread(this.message));
  }

  preview(_: unknown, { loaders }: OperationContext) {
    return this.message.preview ?? loaders.preview.load(this.message);
  }

  async hasAttachments(_: unknown, ctx: OperationContext) {
    return (await this.read(ctx)).hasAttachments;
  }

  async parseWarnings(_: unknown, ctx: OperationContext) {
    return (await this.read(ctx)).parseWarnings;
  }

  async body(_: unknown, ctx: OperationContext) {
    const [source, message] = await Promise.all([ctx.loaders.body.load(this.message), this.read(ctx)]);
    return new MessageBodyView(source, message, ctx.links, ctx.limits.maxBodyBytes);
  }

  async attachments({ inline }: gql.MessageAttachmentsArgs, ctx: OperationContext) {
    const { links } = ctx;
    const { root } = await this.read(ctx);
    const parts = findAttachments(root, { inline: inline ?? false });
    return parts.map((part) => ({
      partId: part.partNumber,
      filename: part.filename,
      contentType: part.contentType,
      sizeBytes: estimateDecodedSize(part),
      contentId: part.contentId,
      inline: isInlineImage(part),
      url: links.part(this.message.id, part.partNumber),
    }));
  }

  async structure(_: unknown, ctx: OperationContext) {
    return toBodyPart((await this.read(ctx)).root);
  }

  async headers({ names }: gql.MessageHeadersArgs, { loaders }: OperationContext) {
    const all = await loaders.headers.load(this.message);
    const wanted = names && new Set(names.map((name) => name.toLowerCase()));
    return wanted ? all.filter(({ name }) => wanted.has(name.toLowerCase())) : all;
  }

  rawUrl(_: unknown, { links }: OperationContext) {
    return links.raw(this.message.id);
  }

  /** Read as MIME, which its header alone does not tell. */
  private read({ loaders }: OperationContext): Promise<ReadMessage> {
    return loaders.structure.load(this.message);
  }
}

const toBodyPart = ({ partNumber, parts, ...part }: Part): gql.BodyPart => ({
  ...part,
  partId: partNumber,
  parts: parts.map(toBodyPart),
});
