import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { UrlSigner } from '../auth/url-signer.js';
import { parsePublicId } from '../common/public-id.js';
import { notFound } from '../mailbox/mailbox.errors.js';
import { MessageContentService } from '../mailbox/message-content.service.js';
import type { MessageId } from '../mailbox/model/ids.js';
import type { Part } from '../mailbox/model/message.js';
import { contentDisposition } from '../mime/content-disposition.js';
import { partPath, rawPath } from './content-paths.js';
import { sendOctets } from './send-octets.js';
import { requireSignature } from './signed-address.js';

/** Pictures that a browser draws and that can carry no script. Nothing else is shown; SVG above all is not. */
const SHOWN_INLINE: ReadonlySet<string> = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp']);
/** RFC 6838 section 4.2: what may stand in a header; anything else is octets. */
const MEDIA_TYPE = /^[a-z0-9][\w!#$&^.+-]{0,126}\/[a-z0-9][\w!#$&^.+-]{0,126}$/;
/** RFC 2978 section 2.3. */
const CHARSET = /^[\w!#$%&'+^`{}~.-]{1,60}$/;

interface Content {
  readonly contentType: string;
  readonly disposition: string;
  readonly octets: AsyncIterable<Buffer>;
}

/** Mail content by signed address: what strangers sent, so it is given to the browser as nothing it could run. */
@Controller('content')
export class ContentController {
  constructor(
    @Inject(UrlSigner) private readonly signer: UrlSigner,
    @Inject(MessageContentService) private readonly content: MessageContentService,
  ) {}

  @Get('raw/:messageId')
  async raw(@Param('messageId') messageId: string, @Req() request: Request, @Res() response: Response): Promise<void> {
    requireSignature(this.signer, rawPath(messageId), request);
    await deliver(response, request, async (signal) => {
      const { octets } = await this.content.openRaw(messageIdOf(messageId), signal);
      return { contentType: 'message/rfc822', disposition: contentDisposition(`${messageId}.eml`), octets };
    });
  }

  @Get('part/:messageId/:partNumber')
  async part(
    @Param('messageId') messageId: string,
    @Param('partNumber') partNumber: string,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    requireSignature(this.signer, partPath(messageId, partNumber), request);
    await deliver(response, request, async (signal) => {
      const { part, octets } = await this.content.openPart(messageIdOf(messageId), partNumber, signal);
      return { ...describe(part), octets };
    });
  }
}

function messageIdOf(text: string): MessageId {
  const id = parsePublicId(text);
  if (id?.kind !== 'message') throw notFound('message');
  return id.uuid as MessageId;
}

function describe({ contentType, charset, filename }: Part): Omit<Content, 'octets'> {
  const type = MEDIA_TYPE.test(contentType) ? contentType : 'application/octet-stream';
  const withCharset = type.startsWith('text/') && charset && CHARSET.test(charset);
  const disposition = contentDisposition(filename);
  return {
    contentType: withCharset ? `${type}; charset=${charset}` : type,
    disposition: SHOWN_INLINE.has(type) ? disposition.replace(/^attachment/, 'inline') : disposition,
  };
}

/** As fast as the client reads and no faster; a client that leaves ends the reading at the mail server too. */
async function deliver(
  response: Response,
  { method }: Request,
  open: (signal: AbortSignal) => Promise<Content>,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const { contentType, disposition, octets } = await open(gone.signal);
  // Not Express' `set`, which would add a charset of its own.
  response.writeHead(200, {
    'content-type': contentType,
    'content-disposition': disposition,
    'cache-control': 'private, max-age=3600, immutable',
    'content-security-policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
    'cross-origin-resource-policy': 'cross-origin',
    'accept-ranges': 'none',
  });
  if (method === 'HEAD') {
    gone.abort();
    response.end();
    return;
  }
  await sendOctets(response, octets, gone.signal);
}
