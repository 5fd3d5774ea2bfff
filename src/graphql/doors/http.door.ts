import { Inject, Injectable, type NestMiddleware } from '@nestjs/common';
import { json, type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import { AuthService } from '../../auth/auth.service.js';
import { CONFIG, type Config } from '../../config/config.js';
import { sendError } from '../../http/send-error.js';
import { systemErrorCode } from '../../common/system-error-code.js';
import { invalidInput, isMailError, MailError } from '../../mailbox/mailbox.errors.js';
import { formatError, toGraphqlError } from '../error-format.js';
import { checkQueryText } from '../limits/query-text.js';
import { setPrincipal } from './http-request.js';
import { readRequestParams } from './request-params.js';
import { SseDoor } from './sse.door.js';

/** Query text, variables and JSON around an imported message. */
const envelopeBytes = 2 * 1024 * 1024;

/** Before Apollo sees a request: who asks, how much they may send, whether the text may be parsed, and who streams. */
@Injectable()
export class HttpDoor implements NestMiddleware {
  private readonly readBody: RequestHandler;

  constructor(
    @Inject(AuthService) private readonly auth: AuthService,
    @Inject(SseDoor) private readonly sse: SseDoor,
    @Inject(CONFIG) { limits }: Config,
  ) {
    const base64Bytes = Math.ceil(limits.maxImportBytes / 3) * 4;
    this.readBody = json({
      limit: base64Bytes + envelopeBytes,
      type: ['application/json', 'application/graphql+json'],
    });
  }

  async use(request: Request, response: Response, next: NextFunction): Promise<void> {
    try {
      // First the key, then the body: a stranger cannot make the gateway hold megabytes.
      setPrincipal(response, await this.auth.authenticate(request.headers.authorization));
      await this.parseBody(request, response);
      const sent = request.method === 'GET' ? fromUrl(request) : (request.body as unknown);
      checkQueryText(readRequestParams(sent).query);
      if (wantsEvents(request)) await this.sse.serve(request, response, sent);
      else next();
    } catch (error) {
      this.refuse(response, error);
    }
  }

  private parseBody(request: Request, response: Response): Promise<void> {
    return new Promise((resolve, reject) => {
      this.readBody(request, response, (error?: unknown) => (error === undefined ? resolve() : reject(ofBody(error))));
    });
  }

  private refuse(response: Response, error: unknown): void {
    if (response.headersSent) response.destroy();
    else if (isMailError(error) && error.code !== 'INTERNAL') sendError(response, error);
    else {
      const formatted = formatError(toGraphqlError(error));
      response.status(formatted.extensions?.['code'] === 'INTERNAL' ? 500 : 400).json({ errors: [formatted] });
    }
  }
}

const wantsEvents = ({ headers }: Request): boolean => /\btext\/event-stream\b/.test(headers.accept ?? '');

/** @throws MailError INVALID_INPUT */
function fromUrl({ query }: Request): unknown {
  const { variables, ...rest } = query;
  if (variables === undefined) return rest;
  try {
    return { ...rest, variables: JSON.parse(typeof variables === 'string' ? variables : '') as unknown };
  } catch {
    throw invalidInput(['variables'], 'variables must be JSON');
  }
}

/** body-parser's errors carry a type, and the text that it could not read: only the type is used. */
function ofBody(error: unknown): MailError {
  const type = typeof error === 'object' && error !== null && 'type' in error ? error.type : undefined;
  if (type === 'entity.too.large') return new MailError('TOO_LARGE', 'the request is larger than an import may be');
  const aborted = type === 'request.aborted' || systemErrorCode(error) === 'ECONNRESET';
  return invalidInput([], aborted ? 'the request broke off' : 'the body must be JSON in UTF-8');
}
