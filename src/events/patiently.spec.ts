import { describe, expect, it } from '@jest/globals';
import { MailError } from '../mailbox/mailbox.errors.js';
import { patiently } from './patiently.js';

/** Fails so many times, then says how often it was asked. */
function failing(times: number, error: Error = new Error('terminating connection')): () => Promise<number> {
  let asked = 0;
  return async () => {
    asked += 1;
    if (asked <= times) throw error;
    return asked;
  };
}

describe('patiently', () => {
  const { signal } = new AbortController();

  it('asks again where the database was away', async () => {
    await expect(patiently(failing(2), signal)).resolves.toBe(3);
  });

  it('takes an answer for an answer', async () => {
    const expired = new MailError('CURSOR_EXPIRED', 'too old');
    await expect(patiently(failing(1, expired), signal)).rejects.toBe(expired);
  });

  it('does not outlive whoever wanted to know', async () => {
    const gone = new AbortController();
    const asking = patiently(failing(1_000), gone.signal);
    gone.abort();
    await expect(asking).rejects.toThrow('terminating connection');
  });
});
