import { describe, expect, it } from '@jest/globals';
import { readPreview } from './imap.preview.js';

const atom = (value: unknown) => ({ type: 'ATOM', value });
const row = (...items: unknown[]) => readPreview([atom('FETCH'), items as never]);

describe('readPreview', () => {
  it('reads quoted text, a literal and NIL, in any order', () => {
    expect(row(atom('UID'), atom('7'), atom('PREVIEW'), atom('Hello'))).toEqual({ uid: 7, text: 'Hello' });
    expect(row(atom('preview'), atom(Buffer.from('Grüße')), atom('UID'), atom('7'))).toEqual({ uid: 7, text: 'Grüße' });
    expect(row(atom('UID'), atom('7'), atom('PREVIEW'), null)).toEqual({ uid: 7 });
  });

  it('takes nothing from a row about something else', () => {
    expect(row(atom('FLAGS'), [], atom('UID'), atom('7'))).toBeUndefined();
    expect(row(atom('PREVIEW'), atom('whose?'))).toBeUndefined();
    expect(row(atom('UID'), atom('x'), atom('PREVIEW'), atom('a'))).toBeUndefined();
    expect(readPreview([atom('FETCH')])).toBeUndefined();
    expect(readPreview(undefined)).toBeUndefined();
  });
});
