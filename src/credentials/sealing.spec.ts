import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { seal, SealBroken, unseal } from './sealing.js';

const key = createSecretKey(randomBytes(32));
const octets = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));

describe('seal and unseal', () => {
  it('gives back what was put in', () => {
    fc.assert(
      fc.property(octets, fc.string(), (value, context) => {
        expect(unseal(key, seal(key, value, context), context).equals(value)).toBe(true);
      }),
    );
  });

  it('notices every single changed octet', () => {
    fc.assert(
      fc.property(octets, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, at, flip) => {
        const sealed = seal(key, value, 'here');
        sealed[at % sealed.length]! ^= flip;
        expect(() => unseal(key, sealed, 'here')).toThrow(SealBroken);
      }),
    );
  });

  it('notices a value that was cut, however short', () => {
    const sealed = seal(key, Buffer.from('secret'), 'here');
    for (let length = 0; length < sealed.length; length += 1) {
      expect(() => unseal(key, sealed.subarray(0, length), 'here')).toThrow(SealBroken);
    }
  });

  it('opens only in its own place and with its own key', () => {
    const sealed = seal(key, Buffer.from('secret'), 'here');
    expect(() => unseal(key, sealed, 'there')).toThrow(SealBroken);
    expect(() => unseal(createSecretKey(randomBytes(32)), sealed, 'here')).toThrow(SealBroken);
  });

  it('never seals the same twice to the same', () => {
    const sealed = Array.from({ length: 100 }, () => seal(key, Buffer.from('x'), 'here').toString('hex'));
    expect(new Set(sealed).size).toBe(100);
  });
});
