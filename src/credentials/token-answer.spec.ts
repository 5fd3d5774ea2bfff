import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { isMailError } from '../mailbox/mailbox.errors.js';
import { readTokenAnswer, type NewTokens } from './token-answer.js';

const read = (status: number, body: unknown, retryAfter?: string): NewTokens =>
  readTokenAnswer({ status, body: typeof body === 'string' ? body : JSON.stringify(body), retryAfter }, 1_000_000);
const codeOf = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    if (isMailError(error)) return error.code;
    throw error;
  }
};

describe('readTokenAnswer', () => {
  it('takes the token, when it ends, and a new refresh token', () => {
    expect(read(200, { access_token: 'a', token_type: 'Bearer', expires_in: 3600, refresh_token: 'r' })).toEqual({
      accessToken: 'a',
      expiresAt: new Date(4_600_000),
      refreshToken: 'r',
    });
  });

  it.each([
    [{ expires_in: '60' }, 60],
    [{}, 300],
    [{ expires_in: 'soon' }, 300],
    [{ expires_in: -5 }, 300],
    [{ expires_in: 1e12 }, 86_400],
  ])('reads the life of a token from %j', (fields, seconds) => {
    expect(read(200, { access_token: 'a', ...fields }).expiresAt).toEqual(new Date(1_000_000 + seconds * 1000));
  });

  it('says what a refusal calls for', () => {
    expect(codeOf(() => read(400, { error: 'invalid_grant' }))).toBe('AUTHENTICATION_FAILED');
    expect(codeOf(() => read(401, 'nonsense'))).toBe('AUTHENTICATION_FAILED');
    expect(codeOf(() => read(429, '', '120'))).toBe('RATE_LIMITED');
    expect(codeOf(() => read(302, ''))).toBe('CONNECTION_FAILED');
    expect(codeOf(() => read(503, { error: 'temporarily_unavailable' }))).toBe('CONNECTION_FAILED');
    expect(codeOf(() => read(200, { token: 'x' }))).toBe('CONNECTION_FAILED');
    expect(() => read(400, { error: 'invalid_grant' })).toThrow('(400 invalid_grant)');
    expect(() => read(400, { error: 'your secret was hunter2' })).toThrow('(400)');
  });

  it('never fails in any other way, whatever it is sent', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 100, max: 599 }),
        fc.oneof(fc.string(), fc.json()),
        fc.string(),
        (status, body, after) => {
          const codes = ['AUTHENTICATION_FAILED', 'RATE_LIMITED', 'CONNECTION_FAILED'];
          const outcome = codeOf(() => read(status, body, after).accessToken.length > 0);
          expect([true, ...codes]).toContain(outcome);
        },
      ),
    );
  });
});
