import { randomBytes } from 'node:crypto';
import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Response } from 'express';
import { isMailError } from '../mailbox/mailbox.errors.js';
import type { ErrorCode } from '../mailbox/model/error-code.js';
import { statusOf } from './send-error.js';

interface ErrorBody {
  readonly code: ErrorCode;
  readonly message: string;
}

/** Every error outside GraphQL leaves as `{ code, message }`, without a word about the gateway's inside. */
@Catch()
export class JsonErrorFilter implements ExceptionFilter {
  private readonly log = new Logger('Http');

  catch(error: unknown, host: ArgumentsHost): unknown {
    // Resolvers' errors are formatted where all of a GraphQL answer is; given back, they are an error there.
    if (host.getType<string>() === 'graphql') return error;
    const response = host.switchToHttp().getResponse<Response>();
    if (response.headersSent) return void response.destroy();
    const { status, body } = this.describe(error);
    response.status(status).json(body);
    return undefined;
  }

  private describe(error: unknown): { status: number; body: ErrorBody } {
    if (isMailError(error) && error.code !== 'INTERNAL') {
      return { status: statusOf(error.code), body: { code: error.code, message: error.message } };
    }
    if (error instanceof HttpException) return ofHttpException(error);
    const id = randomBytes(6).toString('hex');
    this.log.error({ id, error }, 'unexpected error');
    const message = `internal error ${id}: the gateway's log has more under this id`;
    return { status: 500, body: { code: 'INTERNAL', message } };
  }
}

/** Nest's own: no such route, a method that is not allowed, a path that cannot be decoded. */
function ofHttpException(error: HttpException): { status: number; body: ErrorBody } {
  const status = error.getStatus();
  if (status === 404) return { status, body: { code: 'NOT_FOUND', message: 'there is nothing at this address' } };
  return { status, body: { code: 'INVALID_INPUT', message: 'the request cannot be understood' } };
}
