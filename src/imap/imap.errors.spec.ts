import { describe, expect, it } from '@jest/globals';
import { MailError } from '../mailbox/mailbox.errors.js';
import { abortedBy, toMailError } from './imap.errors.js';

const section = (word: string) => ({ attributes: [{ section: [{ type: 'ATOM', value: word }] }] });

describe('an error of imapflow or a socket', () => {
  it.each<[string, object, 'signIn' | 'command', object]>([
    [
      'refused password',
      { authenticationFailed: true, responseStatus: 'NO' },
      'signIn',
      { code: 'AUTHENTICATION_FAILED' },
    ],
    [
      'mailbox away behind a right password (Exchange)',
      { authenticationFailed: true, response: 'User is authenticated but not connected.' },
      'signIn',
      { code: 'CONNECTION_FAILED', retryable: true },
    ],
    ['no way to sign in', { authenticationFailed: true }, 'signIn', { code: 'UNSUPPORTED' }],
    [
      'server busy at sign-in',
      { authenticationFailed: true, responseStatus: 'NO', serverResponseCode: 'UNAVAILABLE' },
      'signIn',
      { code: 'SERVER_REJECTED', retryable: true },
    ],
    [
      'too many connections',
      { authenticationFailed: true, responseStatus: 'NO', serverResponseCode: 'LIMIT' },
      'signIn',
      { code: 'RATE_LIMITED', retryAfterMs: 60_000 },
    ],
    ['full quota', { responseStatus: 'NO', serverResponseCode: 'OVERQUOTA' }, 'command', { code: 'QUOTA_EXCEEDED' }],
    ['missing target', { responseStatus: 'NO', response: section('trycreate') }, 'command', { code: 'NOT_FOUND' }],
    ['name taken', { responseStatus: 'NO', serverResponseCode: 'ALREADYEXISTS' }, 'command', { code: 'CONFLICT' }],
    ['missing mailbox', { responseStatus: 'NO', mailboxMissing: true }, 'command', { code: 'NOT_FOUND' }],
    [
      'missing mailbox that is listed for those below it (Dovecot 2.3)',
      { responseStatus: 'NO', responseText: "Mailbox doesn't exist: Work (0.001 secs)." },
      'command',
      { code: 'NOT_FOUND' },
    ],
    [
      'plain no, with the server’s words in one line',
      { responseStatus: 'NO', responseText: 'Not\r\ntoday' },
      'command',
      { code: 'SERVER_REJECTED', message: 'the mail server said no: Not today', retryable: false },
    ],
    ['unknown code', { responseStatus: 'NO', serverResponseCode: 'toString' }, 'command', { code: 'SERVER_REJECTED' }],
    [
      'throttling',
      { code: 'ETHROTTLE', throttleReset: 7_000 },
      'command',
      { code: 'RATE_LIMITED', retryAfterMs: 7_000 },
    ],
    ['too long a line', { code: 'LineTooLarge' }, 'command', { code: 'TOO_LARGE' }],
    ['bad certificate', { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }, 'signIn', { code: 'TLS_FAILED', retryable: false }],
    ['failed handshake', { code: 'ERR_SSL_WRONG_VERSION_NUMBER' }, 'signIn', { code: 'TLS_FAILED', retryable: true }],
    ['no STARTTLS', { tlsFailed: true }, 'signIn', { code: 'TLS_FAILED', retryable: false }],
    ['nobody there', { code: 'ECONNREFUSED' }, 'signIn', { code: 'CONNECTION_FAILED', retryable: true }],
    ['lost connection', { code: 'EHOSTUNREACH' }, 'command', { code: 'CONNECTION_FAILED', retryable: true }],
    [
      'BYE',
      { code: 'NoConnection', reason: 'Shutting down' },
      'command',
      { code: 'CONNECTION_FAILED', message: 'the mail server closed the connection: Shutting down' },
    ],
    ['a mistake of ours', new TypeError('x'), 'command', { code: 'INTERNAL' }],
  ])('%s', (_what, error, phase, wanted) => {
    expect(toMailError(error, phase)).toMatchObject({ ...wanted, cause: error });
  });

  it('stays what it is when it is ours', () => {
    const error = new MailError('CONFLICT', 'x');
    expect(toMailError(error, 'command')).toBe(error);
    expect(abortedBy(error)).toBe(error);
  });

  it('tells a deadline from somebody who gave up', () => {
    expect(abortedBy(new DOMException('late', 'TimeoutError'))).toMatchObject({ code: 'TIMEOUT', retryable: true });
    expect(abortedBy(new DOMException('stop', 'AbortError'))).toMatchObject({
      code: 'CONNECTION_FAILED',
      retryable: true,
    });
  });
});
