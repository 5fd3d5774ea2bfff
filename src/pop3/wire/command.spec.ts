import { describe, expect, it } from '@jest/globals';
import { encodeCommand, encodeMessageCommand, encodeSaslResponse } from './command.js';

const text = (line: Buffer): string => line.toString('utf8');

describe('commands', () => {
  it('puts arguments behind the keyword', () => {
    expect(text(encodeCommand('STAT'))).toBe('STAT\r\n');
    expect(text(encodeCommand('PASS', ' two words '))).toBe('PASS  two words \r\n');
    expect(text(encodeMessageCommand('RETR', 12))).toBe('RETR 12\r\n');
    expect(text(encodeMessageCommand('TOP', 12, 0))).toBe('TOP 12 0\r\n');
  });

  it('case 21: sends what is not ASCII as UTF-8', () => {
    expect(encodeCommand('PASS', 'pä€')).toEqual(Buffer.from('504153532070c3a4e282ac0d0a', 'hex'));
  });

  it.each(['x\r\nDELE 1', 'x\nDELE 1', 'x\r', 'x\0'])(
    'case 21: refuses %j in an argument and does not repeat it',
    (value) => {
      const refusal = expect.objectContaining({
        code: 'INVALID_INPUT',
        message: expect.not.stringContaining('DELE 1'),
      });
      expect(() => encodeCommand('USER', value)).toThrow(refusal);
    },
  );

  it('keeps within 255 octets', () => {
    expect(encodeCommand('USER', 'x'.repeat(248))).toHaveLength(255);
    expect(() => encodeCommand('USER', 'x'.repeat(249))).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }));
  });

  it.each([0, -1, 1.5, Number.NaN, 2 ** 53])('takes %d for no message number', (number) => {
    expect(() => encodeMessageCommand('DELE', number)).toThrow(RangeError);
  });

  it('answers challenges in base64', () => {
    expect(text(encodeSaslResponse(Buffer.from('user')))).toBe('dXNlcg==\r\n');
    expect(text(encodeSaslResponse(Buffer.alloc(0)))).toBe('\r\n');
    expect(() => encodeSaslResponse(Buffer.alloc(65_537))).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }));
  });
});
