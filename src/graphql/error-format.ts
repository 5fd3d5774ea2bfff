import { randomBytes } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { isMailError, MailError } from '../mailbox/mailbox.errors.js';
import { ERROR_CODES, type ErrorCode } from '../mailbox/model/error-code.js';

const log = new Logger('GraphQL');

/** Of graphql-js and Apollo: the request itself is wrong. Everything else without a code of ours is a fault of the gateway. */
const REQUEST_ERRORS: ReadonlySet<unknown> = new Set([
  undefined,
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'BAD_USER_INPUT',
  'BAD_REQUEST',
  'OPERATION_RESOLUTION_FAILURE',
  'PERSISTED_QUERY_NOT_SUPPORTED',
]);

/** The one shape of errors on every door: a code of the contract, a message, and nothing about the gateway's inside. */
export function formatError(error: GraphQLError): GraphQLFormattedError {
  const thrown = thrownIn(error);
  const { message, extensions } = isMailError(thrown) ? ofMailError(thrown) : ofGraphqlError(error, thrown);
  return { message, locations: error.locations, path: error.path, extensions };
}

/** Something that no resolver is at fault for, e.g. a refused key. */
export const toGraphqlError = (error: unknown): GraphQLError =>
  error instanceof GraphQLError ? error : new GraphQLError('failed', { originalError: error as Error });

export const errorResult = (error: unknown): { errors: GraphQLFormattedError[] } => ({
  errors: [formatError(toGraphqlError(error))],
});

interface Shown {
  readonly message: string;
  readonly extensions: Readonly<Record<string, unknown>> & { readonly code: ErrorCode };
}

/** Under what graphql-js wrapped around it, which may be several layers: a list, an object, a field. */
function thrownIn(error: GraphQLError): unknown {
  let thrown: unknown = error;
  while (thrown instanceof GraphQLError && thrown.originalError) thrown = thrown.originalError;
  return thrown;
}

function ofMailError(error: MailError): Shown {
  if (error.code === 'INTERNAL') return masked(error);
  const { code, message, retryable, field, retryAfterMs } = error;
  return { message, extensions: { code, retryable, ...(field && { field }), ...(retryAfterMs && { retryAfterMs }) } };
}

function ofGraphqlError(error: GraphQLError, thrown: unknown): Shown {
  if (!(thrown instanceof GraphQLError)) return masked(thrown);
  const { code } = error.extensions;
  if (isErrorCode(code)) return { message: error.message, extensions: { code } };
  if (!REQUEST_ERRORS.has(thrown.extensions.code)) return masked(thrown);
  // Suggestions tell the names of a schema to whoever guesses.
  const message = error.message.replace(/ ?Did you mean [^?]*\?$/, '');
  return { message, extensions: { code: 'INVALID_INPUT' } };
}

function masked(error: unknown): Shown {
  const id = randomBytes(6).toString('hex');
  log.error({ id, error }, 'unexpected error');
  return {
    message: `internal error ${id}: the gateway's log has more under this id`,
    extensions: { code: 'INTERNAL' },
  };
}

const isErrorCode = (code: unknown): code is ErrorCode => ERROR_CODES.some((known) => known === code);
