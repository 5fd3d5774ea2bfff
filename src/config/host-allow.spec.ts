import { describe, expect, it } from '@jest/globals';
import { parseHostAllow } from './host-allow.js';

describe('parseHostAllow', () => {
  it('tells networks, addresses and names apart', () => {
    expect(parseHostAllow('127.0.0.0/8, 10.1.2.3,fd00::/8, ::1 ,Mail.LAN.,,localhost')).toEqual({
      networks: ['127.0.0.0/8', '10.1.2.3/32', 'fd00::/8', '::1/128'],
      hosts: ['mail.lan', 'localhost'],
      invalid: [],
    });
  });

  it.each(['10.0.0', '300.1.1.1', '10.0.0.0/33', '*.example.org', 'a b', 'http://x', '-x', '1'])(
    'refuses %s',
    (text) => {
      expect(parseHostAllow(text).invalid).toEqual([text]);
    },
  );

  it('allows nothing by default', () => {
    expect(parseHostAllow('')).toEqual({ networks: [], hosts: [], invalid: [] });
  });
});
