import { isMailError, type MailError } from '../mailbox/mailbox.errors.js';
import type { ErrorCode } from '../mailbox/model/error-code.js';
import type * as gql from './generated/schema-types.js';

/** What is wrong with the call as a whole, not with what it is about: always a top-level error. INTERNAL is masked there. */
const TOP_LEVEL: ReadonlySet<ErrorCode> = new Set([
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'RATE_LIMITED',
  'QUERY_TOO_COMPLEX',
  'INTERNAL',
]);

export const toUserError = ({ code, message, field, retryable }: MailError): gql.UserError => ({
  code,
  message,
  field,
  retryable,
});

/**
 * A mutation's payload: what the work gave, or why it could not be done. What nobody expected goes on as an exception.
 * @param nothing what stands in the lists and the other fields that must not be null, where it failed
 */
export async function payload<T extends object, N extends object = object>(
  work: () => Promise<T>,
  nothing?: N,
): Promise<(T | N) & { readonly errors: readonly gql.UserError[] }> {
  try {
    return { errors: [], ...(await work()) };
  } catch (error) {
    if (!isMailError(error) || TOP_LEVEL.has(error.code)) throw error;
    return { ...(nothing ?? ({} as N)), errors: [toUserError(error)] };
  }
}
