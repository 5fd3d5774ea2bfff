import { isMailError } from '../mailbox/mailbox.errors.js';
import type { ErrorCode } from '../mailbox/model/error-code.js';

const CODES: readonly ErrorCode[] = ['NOT_FOUND', 'SERVER_REJECTED', 'UNSUPPORTED', 'TOO_LARGE'];

/** Trouble of one mailbox alone: the rest of the account goes on. */
export const isMailboxTrouble = (error: unknown): boolean => isMailError(error) && CODES.includes(error.code);
