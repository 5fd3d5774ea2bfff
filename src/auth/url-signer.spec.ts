import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { Config, MasterKey } from '../config/config.js';
import { UrlSigner } from './url-signer.js';

const masterKey = (): MasterKey => ({ id: 'k', key: createSecretKey(randomBytes(32)) });
const A = masterKey();
const B = masterKey();
const signer = (current: MasterKey, previous?: MasterKey, downloadUrlTtlSeconds = 60): UrlSigner =>
  new UrlSigner({
    secrets: { masterKey: current, previousMasterKey: previous, adminKeyHash: '' },
    limits: { downloadUrlTtlSeconds },
  } as Config);

const PATH = '/content/msg_1/raw';
function parts(url: string): { path: string; query: { exp: string; sig: string } } {
  const { pathname, searchParams } = new URL(url, 'http://x');
  return { path: pathname, query: { exp: searchParams.get('exp') ?? '', sig: searchParams.get('sig') ?? '' } };
}

describe('UrlSigner', () => {
  const { path, query } = parts(signer(A).sign(PATH));

  it('accepts what it has signed, on every instance', () => {
    expect(path).toBe(PATH);
    expect(signer(A).verify(path, query)).toBe(true);
  });

  it('accepts no other path, no later end, no other signature', () => {
    expect(signer(A).verify('/content/msg_2/raw', query)).toBe(false);
    expect(signer(A).verify(`${PATH}/`, query)).toBe(false);
    expect(signer(A).verify(path, { ...query, exp: String(Number(query.exp) + 1) })).toBe(false);
    expect(signer(A).verify(path, { ...query, sig: randomBytes(32).toString('base64url') })).toBe(false);
    expect(signer(B).verify(path, query)).toBe(false);
  });

  it('ends', () => {
    const over = parts(signer(A, undefined, -1).sign(PATH));
    expect(signer(A).verify(over.path, over.query)).toBe(false);
  });

  it('still accepts, after a change of the master key, what was signed before', () => {
    expect(signer(B, A).verify(path, query)).toBe(true);
    const later = parts(signer(B, A).sign(PATH));
    expect(signer(A).verify(later.path, later.query)).toBe(false);
  });

  it('refuses whatever else a query may hold, and never throws', () => {
    const verifier = signer(A);
    expect(verifier.verify(PATH, {})).toBe(false);
    expect(verifier.verify(PATH, { exp: [query.exp], sig: query.sig })).toBe(false);
    fc.assert(
      fc.property(fc.anything(), fc.anything(), fc.string(), (exp, sig, other) => {
        expect(verifier.verify(other, { exp, sig })).toBe(false);
      }),
    );
  });
});
