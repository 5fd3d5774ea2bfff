import { describe, expect, it } from '@jest/globals';
import { parseReply } from './response.js';

const parse = (text: string): unknown => parseReply(Buffer.from(text, 'latin1'));

describe('parseReply', () => {
  it.each([
    ['+OK', { kind: 'ok', code: undefined, text: '' }],
    ['+OK 2 320', { kind: 'ok', code: undefined, text: '2 320' }],
    ['-ERR no such message', { kind: 'err', code: undefined, text: 'no such message' }],
    ['-ERR [IN-USE] locked', { kind: 'err', code: 'IN-USE', text: '[IN-USE] locked' }],
    ['-ERR [sys/temp] later', { kind: 'err', code: 'SYS/TEMP', text: '[sys/temp] later' }],
    ['-ERR not [a code]', { kind: 'err', code: undefined, text: 'not [a code]' }],
    ['+ dXNlcg==', { kind: 'challenge', octets: Buffer.from('user') }],
    ['+ ', { kind: 'challenge', octets: Buffer.alloc(0) }],
    ['+', { kind: 'challenge', octets: Buffer.alloc(0) }],
  ])('reads %j', (line, wanted) => {
    expect(parse(line)).toEqual(wanted);
  });

  it.each(['', 'OK', '+ok', '+OKAY', '+ERR no', '-err', '-ERROR', ' +OK', 'Subject: x', '.', '* OK'])(
    'case 23: takes %j for a lost step, never for a reply',
    (line) => {
      expect(() => parse(line)).toThrow(expect.objectContaining({ failure: 'protocol' }));
    },
  );

  it('gives words that are safe to show', () => {
    expect(parse('+OK a\0b\x1b[31mc\x85d')).toMatchObject({ text: 'a b [31mc d' });
    expect(parse(`+OK ${'x'.repeat(1000)}`)).toMatchObject({ text: 'x'.repeat(400) });
  });
});
