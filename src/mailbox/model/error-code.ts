/** Why something could not be done: the closed list of the public contract. Nothing else ever reaches a client. */
export const ERROR_CODES = [
  'INVALID_INPUT',
  'NOT_FOUND',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'CONFLICT',
  'UNSUPPORTED',
  'AUTHENTICATION_FAILED',
  'CONNECTION_FAILED',
  'TLS_FAILED',
  'HOST_FORBIDDEN',
  'SERVER_REJECTED',
  'MAILDROP_LOCKED',
  'QUOTA_EXCEEDED',
  'RATE_LIMITED',
  'QUERY_TOO_COMPLEX',
  'TOO_LARGE',
  'CURSOR_EXPIRED',
  'TIMEOUT',
  'INTERNAL',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** What to do about an error: call again, sign in again, list again, change the input, or tell the operator. */
export type Cure = 'retry' | 'reauthenticate' | 'resync' | 'fixInput' | 'report';

const CURES: Readonly<Record<ErrorCode, Cure>> = {
  INVALID_INPUT: 'fixInput',
  NOT_FOUND: 'fixInput',
  UNAUTHENTICATED: 'reauthenticate',
  FORBIDDEN: 'fixInput',
  CONFLICT: 'resync',
  UNSUPPORTED: 'fixInput',
  AUTHENTICATION_FAILED: 'reauthenticate',
  CONNECTION_FAILED: 'retry',
  TLS_FAILED: 'report',
  HOST_FORBIDDEN: 'fixInput',
  SERVER_REJECTED: 'fixInput',
  MAILDROP_LOCKED: 'retry',
  QUOTA_EXCEEDED: 'fixInput',
  RATE_LIMITED: 'retry',
  QUERY_TOO_COMPLEX: 'fixInput',
  TOO_LARGE: 'fixInput',
  CURSOR_EXPIRED: 'resync',
  TIMEOUT: 'retry',
  INTERNAL: 'report',
};

export const cureOf = (code: ErrorCode): Cure => CURES[code];
