import { describe, expect, it } from '@jest/globals';
import { readVanished } from './imap.vanished.js';

describe('VANISHED', () => {
  const read = (...attributes: NonNullable<Parameters<typeof readVanished>[0]>) => {
    const found = readVanished(attributes);
    return found && { ...found, uids: found.uids.lines(100).join() };
  };

  it('tells of the past with EARLIER, of now without', () => {
    expect(read([{ value: 'earlier' }], { value: '41,43:116' })).toEqual({ uids: '41,43:116', earlier: true });
    expect(read({ value: '405,407' })).toEqual({ uids: '405,407', earlier: false });
  });

  it('is a few numbers, however many messages it names', () => {
    expect(readVanished([{ value: '1:4294967295' }])?.uids.size).toBe(4_294_967_295);
  });

  it('tells nothing where it holds no set', () => {
    expect(read()).toBeUndefined();
    expect(read([{ value: 'EARLIER' }])).toBeUndefined();
    expect(read([{ value: 'EARLIER' }], [{ value: '1' }])).toBeUndefined();
    expect(read({ value: 'never' })).toEqual({ uids: '', earlier: false });
  });
});
