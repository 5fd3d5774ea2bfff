import { describe, expect, it } from '@jest/globals';
import { parseListRow, parseUidlRow } from './listing.js';

const row = (text: string): Buffer => Buffer.from(text, 'latin1');

describe('listing rows', () => {
  it.each([
    ['1 120', { number: 1, value: 120 }],
    ['2 200 extra', { number: 2, value: 200 }],
    ['3 0', { number: 3, value: 0 }],
    ['4 -5', { number: 4, value: undefined }],
    ['5 9223372036854775808', { number: 5, value: undefined }],
    ['6', { number: 6, value: undefined }],
  ])('case 22: reads the size in %j', (text, wanted) => {
    expect(parseListRow(row(text))).toEqual(wanted);
  });

  it.each([
    ['1 abc', 'abc'],
    ['2  abc', 'abc'],
    ['3 a/b,c=d', 'a/b,c=d'],
    ['4 two words ', 'two words '],
    ['5 \xe4\xff', '\xe4\xff'],
    [`6 ${'u'.repeat(200)}`, 'u'.repeat(200)],
    [`7 ${'u'.repeat(256)}`, undefined],
    ['8 ', undefined],
    ['9', undefined],
  ])('case 17: keeps the unique-id in %j octet by octet', (text, wanted) => {
    expect(parseUidlRow(row(text)).value).toBe(wanted);
  });

  it.each(['', 'x 1', '0 1', '-1 1', '99999999999 1'])('refuses a row without a number: %j', (text) => {
    expect(() => parseListRow(row(text))).toThrow(expect.objectContaining({ failure: 'protocol' }));
  });
});
