import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { Config, MasterKey } from '../config/config.js';
import type { AccountId } from '../mailbox/model/ids.js';
import type { Credentials } from './credentials.js';
import { SealBroken } from './sealing.js';
import { Vault } from './vault.js';

const masterKey = (id: string): MasterKey => ({ id, key: createSecretKey(randomBytes(32)) });
const vaultWith = (current: MasterKey, previous?: MasterKey): Vault =>
  new Vault({ secrets: { masterKey: current, previousMasterKey: previous, adminKeyHash: '' } } as Config);
const id = (n: number): AccountId => `00000000-0000-7000-8000-00000000000${n}` as AccountId;
const A = masterKey('a');
const B = masterKey('b');

const oauth: Credentials = {
  kind: 'oauth2',
  accessToken: { token: 'access', expiresAt: new Date(5000) },
  renewal: { refreshToken: 'refresh', tokenUrl: 'https://t/', clientId: 'id', clientSecret: 'secret', scope: 's' },
};

describe('Vault', () => {
  const vault = vaultWith(A);

  it.each<Credentials>([
    { kind: 'password', password: 'pässwörd 🔑' },
    { kind: 'password', password: '' },
    oauth,
    { kind: 'oauth2', accessToken: { token: 'alone' } },
  ])('keeps %j', (credentials) => {
    expect(vault.open(vault.seal(id(1), credentials))).toEqual(credentials);
  });

  it('stores nothing readable', () => {
    const { key, fields } = vault.seal(id(1), oauth);
    const stored = Buffer.concat([key.wrapped, ...Object.values(fields)]).toString('latin1');
    expect(stored).not.toMatch(/access|refresh|secret|https/);
  });

  it("opens no account's secret in another account's place, nor one field in another's", () => {
    const sealed = vault.seal(id(1), { kind: 'password', password: 'x' });
    expect(() => vault.open({ ...sealed, accountId: id(2) })).toThrow(SealBroken);
    const other = vault.seal(id(1), oauth);
    const swapped = { ...other, fields: { ACCESS_TOKEN: other.fields.RENEWAL, RENEWAL: other.fields.ACCESS_TOKEN } };
    expect(() => vault.open(swapped)).toThrow(SealBroken);
    expect(() => vault.open({ ...sealed, fields: other.fields })).toThrow(SealBroken);
  });

  it('reads with the previous key and wraps again with the current one', () => {
    const old = vault.seal(id(1), oauth);
    const rotating = vaultWith(B, A);
    expect(rotating.open(old)).toEqual(oauth);
    const key = rotating.rewrap(id(1), old.key);
    expect(key.masterKeyId).toBe('b');
    expect(vaultWith(B).open({ ...old, key })).toEqual(oauth);
    expect(() => vaultWith(A).open({ ...old, key })).toThrow('master key b');
  });

  it('seals renewed tokens with the key the account has', () => {
    const sealed = vault.seal(id(1), oauth);
    const renewed: Credentials = { ...oauth, accessToken: { token: 'new', expiresAt: new Date(9000) } };
    expect(vault.open({ ...sealed, fields: vault.sealAgain(sealed, renewed) })).toEqual(renewed);
  });
});
