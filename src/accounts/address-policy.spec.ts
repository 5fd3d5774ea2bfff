import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { isInNetworks, isPublicAddress } from './address-policy.js';

describe('isPublicAddress', () => {
  it.each(['8.8.8.8', '1.1.1.1', '172.32.0.1', '2606:4700::1111', '::ffff:8.8.8.8', '64:ff9b::8.8.8.8'])(
    'allows %s',
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );

  it.each([
    '0.0.0.0',
    '10.0.0.1',
    '100.64.0.1',
    '100.100.100.200',
    '127.0.0.1',
    '127.255.255.254',
    '168.63.129.16',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.192',
    '192.0.2.1',
    '192.88.99.1',
    '192.168.1.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::7f00:1',
    '::8.8.8.8',
    '100::1',
    '2001::1',
    '2001:db8::1',
    '2002:7f00:1::',
    '2002:808:808::1',
    '3fff::1',
    '64:ff9b::127.0.0.1',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::1',
    'fc00::1',
    'fd00:ec2::254',
    'fe80::1',
    'fe80::1%eth0',
    'fec0::1',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:10.0.0.1',
    '::ffff:0:127.0.0.1',
    '4000::1',
    'nonsense',
    '',
  ])('refuses %s', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it('never takes an IPv4 address for better because it is written inside an IPv6 one', () => {
    fc.assert(
      fc.property(fc.ipV4(), (v4) => {
        for (const prefix of ['::ffff:', '64:ff9b::']) {
          const v6 = ipaddr.IPv6.parse(`${prefix}${v4}`);
          expect(isPublicAddress(v6.toNormalizedString())).toBe(isPublicAddress(v4));
        }
      }),
    );
  });
});

describe('isInNetworks', () => {
  it('compares like with like, and IPv4 inside IPv6 as IPv4', () => {
    const networks = ['127.0.0.0/8', 'fd00::/8'];
    expect(isInNetworks('127.1.2.3', networks)).toBe(true);
    expect(isInNetworks('::ffff:127.1.2.3', networks)).toBe(true);
    expect(isInNetworks('64:ff9b::127.1.2.3', networks)).toBe(true);
    expect(isInNetworks('fd12::1', networks)).toBe(true);
    expect(isInNetworks('128.0.0.1', networks)).toBe(false);
    expect(isInNetworks('::1', networks)).toBe(false);
    expect(isInNetworks('8.8.8.8', ['0.0.0.0/0'])).toBe(true);
    expect(isInNetworks('::1', ['0.0.0.0/0'])).toBe(false);
  });
});
