import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readStatus } from './imap.notify.js';
import type { Token } from './imap.tokens.js';

const atom = (value: unknown): Token => ({ type: 'ATOM', value });

describe('readStatus', () => {
  it('reads the figures it knows', () => {
    const items = ['MESSAGES', '3', 'uidnext', '5', 'HIGHESTMODSEQ', '18446744073709551615', 'SIZE', '9'].map(atom);
    expect(readStatus([atom(Buffer.from('A&-B')), items])).toEqual({
      kind: 'status',
      listedPath: 'A&-B',
      status: { messages: 3, uidNext: 5, highestModseq: 18446744073709551615n },
    });
  });

  it('takes nothing for a figure that is none, and nothing for STATUS that is none', () => {
    expect(readStatus([atom('A'), [atom('MESSAGES'), atom('-1'), atom('UIDNEXT'), [], atom('UNSEEN')]])).toMatchObject({
      status: {},
    });
    expect(readStatus(undefined)).toBeUndefined();
    expect(readStatus([atom('A')])).toBeUndefined();
    expect(readStatus([[], []])).toBeUndefined();
  });

  it('never throws', () => {
    const token = fc.letrec<{ token: Token }>((tie) => ({
      token: fc.oneof(
        { maxDepth: 3 },
        fc.record({ type: fc.string(), value: fc.anything() }),
        fc.array(tie('token'), { maxLength: 6 }),
      ),
    })).token;
    fc.assert(fc.property(fc.array(token), (tokens) => expect(() => readStatus(tokens)).not.toThrow()));
  });
});
