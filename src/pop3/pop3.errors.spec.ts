import { describe, expect, it } from '@jest/globals';
import { fromSocketError, rejected } from './pop3.errors.js';

describe('an -ERR', () => {
  it.each([
    ['IN-USE', 'MAILDROP_LOCKED', 'retry', 60_000],
    ['LOGIN-DELAY', 'RATE_LIMITED', 'retry', 66_000],
    ['AUTH', 'AUTHENTICATION_FAILED', 'reauthenticate', undefined],
    ['SYS/TEMP', 'SERVER_REJECTED', 'retry', undefined],
    ['SYS/PERM', 'SERVER_REJECTED', 'fixInput', 3_600_000],
    [undefined, 'AUTHENTICATION_FAILED', 'reauthenticate', undefined],
    ['OTHER', 'AUTHENTICATION_FAILED', 'reauthenticate', undefined],
  ])('case 19: [%s] at sign-in is %s, cure %s', (code, wanted, cure, retryAfterMs) => {
    const error = rejected({ code, text: 'words' }, 'signIn');
    expect(error).toMatchObject({ code: wanted, cure, retryAfterMs, responseCode: code, serverText: 'words' });
  });

  it('case 19: waits a tenth longer than CAPA said, and at least a minute', () => {
    const waitMs = (seconds: number) => rejected({ code: 'LOGIN-DELAY', text: '' }, 'signIn', seconds).retryAfterMs;
    expect([900, 5].map(waitMs)).toEqual([990_000, 66_000]);
  });

  it.each([
    ['greeting', 'retry'],
    ['command', 'fixInput'],
  ] as const)('without a code in a %s is the server refusing, cure %s', (phase, cure) => {
    expect(rejected({ text: '' }, phase)).toMatchObject({ code: 'SERVER_REJECTED', cure });
  });
});

describe('an error of the socket', () => {
  it.each([
    ['ECONNREFUSED', 'CONNECTION_FAILED', 'unreachable', 'retry'],
    ['ECONNRESET', 'CONNECTION_FAILED', 'closed', 'retry'],
    ['ETIMEDOUT', 'TIMEOUT', 'timeout', 'retry'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'TLS_FAILED', 'tls', 'report'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'TLS_FAILED', 'tls', 'report'],
    ['CERT_HAS_EXPIRED', 'TLS_FAILED', 'tls', 'report'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'TLS_FAILED', 'tls', 'report'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'TLS_FAILED', 'tls', 'retry'],
  ])('%s is %s', (code, wanted, failure, cure) => {
    expect(fromSocketError(Object.assign(new Error('x'), { code }))).toMatchObject({ code: wanted, failure, cure });
  });
});
