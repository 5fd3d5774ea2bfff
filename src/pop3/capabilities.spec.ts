import { describe, expect, it } from '@jest/globals';
import { parseCapabilities } from './capabilities.js';

describe('parseCapabilities', () => {
  it('reads names in any case and their arguments', () => {
    const lines = ['top', 'UIDL', 'SASL plain XOAUTH2', 'Pipelining', 'LOGIN-DELAY 900 USER', 'EXPIRE 60'];
    expect(parseCapabilities(lines)).toEqual({
      lines,
      pipelining: true,
      uidl: true,
      top: true,
      utf8: false,
      sasl: ['PLAIN', 'XOAUTH2'],
      loginDelaySeconds: 900,
      expireDays: 60,
    });
  });

  it('knows mail that is kept for ever, and numbers that are none', () => {
    expect(parseCapabilities(['EXPIRE NEVER', 'LOGIN-DELAY soon'])).toMatchObject({
      expireDays: 'NEVER',
      loginDelaySeconds: undefined,
      sasl: [],
    });
  });
});
