import { Inject, Injectable } from '@nestjs/common';
import { AccountService } from '../accounts/account.service.js';
import type { Principal } from '../auth/principal.js';
import { UrlSigner } from '../auth/url-signer.js';
import { toPublicId } from '../common/public-id.js';
import { CONFIG, type Config } from '../config/config.js';
import { exportPath, partPath, rawPath } from '../http/content-paths.js';
import { MailboxService } from '../mailbox/mailbox.service.js';
import { MessageContentService } from '../mailbox/message-content.service.js';
import { createLoaders } from './loaders.js';
import type { Links, OperationContext } from './operation-context.js';
import { VIEWS } from './views/views.js';

/** Makes what the resolvers of one operation share, the same for every door. */
@Injectable()
export class ContextFactory {
  constructor(
    @Inject(AccountService) private readonly accounts: AccountService,
    @Inject(MailboxService) private readonly mailboxes: MailboxService,
    @Inject(MessageContentService) private readonly content: MessageContentService,
    @Inject(UrlSigner) private readonly signer: UrlSigner,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * @param requestUrl scheme and host the request came to: base of the links where the operator named none
   * @param signal     aborts when a subscription's client is gone
   */
  create(principal: Principal, requestUrl: string, signal: AbortSignal = neverAborts): OperationContext {
    return {
      principal,
      signal,
      limits: this.config.limits,
      loaders: this.loaders(principal),
      links: this.links(this.config.publicUrl ?? requestUrl),
      views: VIEWS,
    };
  }

  /** For the next event of a subscription: what was read for the one before may be old. */
  renew(context: OperationContext): OperationContext {
    return { ...context, loaders: this.loaders(context.principal) };
  }

  private loaders(principal: Principal) {
    return createLoaders(principal, { accounts: this.accounts, mailboxes: this.mailboxes, content: this.content });
  }

  private links(base: string): Links {
    const sign = (path: string): string => base + this.signer.sign(path);
    return {
      raw: (id) => sign(rawPath(toPublicId('message', id))),
      mailboxExport: (id, format) => sign(exportPath(toPublicId('mailbox', id), format)),
      part: (id, partNumber) => sign(partPath(toPublicId('message', id), partNumber)),
    };
  }
}

const neverAborts = new AbortController().signal;
