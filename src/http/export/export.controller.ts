import { Controller, Get, Inject, Logger, Param, Req, Res, type OnModuleDestroy } from '@nestjs/common';
import type { Request, Response } from 'express';
import { UrlSigner } from '../../auth/url-signer.js';
import { parsePublicId } from '../../common/public-id.js';
import { MailboxExportService } from '../../mailbox/mailbox-export.service.js';
import { notFound } from '../../mailbox/mailbox.errors.js';
import type { MailboxId } from '../../mailbox/model/ids.js';
import { mailboxName } from '../../mailbox/model/mailbox-path.js';
import { contentDisposition } from '../../mime/content-disposition.js';
import { exportPath } from '../content-paths.js';
import { sendOctets } from '../send-octets.js';
import { requireSignature } from '../signed-address.js';
import { EXPORT_FORMATS, type ExportFormat } from './export-formats.js';

interface ExportRequest {
  readonly mailboxId: MailboxId;
  readonly format: ExportFormat;
  /** Only what a GET would be told. */
  readonly headOnly: boolean;
}

/** Whole mailboxes by signed address. */
@Controller('content')
export class ExportController implements OnModuleDestroy {
  private readonly log = new Logger(ExportController.name);
  private readonly ending = new AbortController();

  constructor(
    @Inject(UrlSigner) private readonly signer: UrlSigner,
    @Inject(MailboxExportService) private readonly exports: MailboxExportService,
  ) {}

  onModuleDestroy(): void {
    this.ending.abort();
  }

  @Get('mailbox/:mailboxId/:format')
  async mailbox(
    @Param('mailboxId') mailboxId: string,
    @Param('format') name: string,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    requireSignature(this.signer, exportPath(mailboxId, name), request);
    const format = EXPORT_FORMATS.get(name);
    if (!format) throw notFound('format');
    const left = new AbortController();
    response.once('close', () => left.abort());
    const gone = AbortSignal.any([left.signal, this.ending.signal]);
    await this.send({ mailboxId: mailboxIdOf(mailboxId), format, headOnly: request.method === 'HEAD' }, response, gone);
  }

  private async send(
    { mailboxId, format, headOnly }: ExportRequest,
    response: Response,
    gone: AbortSignal,
  ): Promise<void> {
    const { mailbox, messages } = await this.exports.open(mailboxId, gone);
    const fileName = `${mailboxName(mailbox).replaceAll(/[/\\]/g, '_')}.${format.extension}`;
    response.writeHead(200, {
      'content-type': format.contentType,
      'content-disposition': contentDisposition(fileName),
      'cache-control': 'private, no-store',
      'content-security-policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
      'cross-origin-resource-policy': 'cross-origin',
      'accept-ranges': 'none',
    });
    if (headOnly) return void response.end();
    try {
      await sendOctets(response, format.write(messages), gone);
    } catch (error) {
      this.log.warn({ mailboxId, reason: String(error) }, 'export broken off');
      throw error;
    }
  }
}

function mailboxIdOf(text: string): MailboxId {
  const id = parsePublicId(text);
  if (id?.kind !== 'mailbox') throw notFound('mailbox');
  return id.uuid as MailboxId;
}
