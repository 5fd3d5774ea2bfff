import { createSecretKey, randomBytes } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { insertAccount } from '../../test/factories/stored-account.js';
import { createTestDatabase, type TestDatabase } from '../../test/servers/postgres.js';
import type { Config, MasterKey } from '../config/config.js';
import { MailError } from '../mailbox/mailbox.errors.js';
import type { AccountId } from '../mailbox/model/ids.js';
import { select } from '../store/sql.js';
import { CredentialEntity, CredentialKeyEntity } from './credential.entity.js';
import { CredentialRepository } from './credential.repository.js';
import { CredentialService } from './credential.service.js';
import type { Credentials, Renewal } from './credentials.js';
import { MasterKeyRotation } from './master-key-rotation.js';
import type { NewTokens } from './token-answer.js';
import type { TokenClient } from './token-client.js';
import { Vault } from './vault.js';

const masterKey = (id: string): MasterKey => ({ id, key: createSecretKey(randomBytes(32)) });
const vaultWith = (current: MasterKey, previous?: MasterKey): Vault =>
  new Vault({ secrets: { masterKey: current, previousMasterKey: previous, adminKeyHash: '' } } as Config);
const A = masterKey('a');
const B = masterKey('b');
const renewal: Renewal = { refreshToken: 'refresh-1', tokenUrl: 'https://t.example/' };
const inFuture = (): Date => new Date(Date.now() + 3_600_000);
const signal = AbortSignal.timeout(30_000);

/** A token endpoint that rotates refresh tokens and takes the reuse of one for theft. */
class RotatingTokens {
  calls = 0;
  next = 1;
  answer: Promise<void> = Promise.resolve();

  async renew({ refreshToken }: Renewal): Promise<NewTokens> {
    this.calls += 1;
    await this.answer;
    if (refreshToken !== `refresh-${this.next}`) throw new MailError('AUTHENTICATION_FAILED', 'reused');
    this.next += 1;
    return { accessToken: `access-${this.next}`, expiresAt: inFuture(), refreshToken: `refresh-${this.next}` };
  }
}

describe('credentials in Postgres', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let repository: CredentialRepository;
  let tokens: RotatingTokens;
  const vault = vaultWith(A);
  const serviceWith = (v = vault): CredentialService =>
    new CredentialService(repository, v, tokens as unknown as TokenClient);

  beforeAll(async () => {
    Logger.overrideLogger(false);
    database = await createTestDatabase();
    const entities = [CredentialKeyEntity, CredentialEntity];
    dataSource = await new DataSource({ type: 'postgres', url: database.url, entities }).initialize();
    repository = new CredentialRepository(dataSource);
  }, 60_000);
  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
  });
  beforeEach(async () => {
    tokens = new RotatingTokens();
    await select(dataSource, 'DELETE FROM account');
  });

  async function save(credentials: Credentials, v = vault): Promise<AccountId> {
    const id = await insertAccount(dataSource);
    await dataSource.transaction((manager) => repository.replace(manager, v.seal(id, credentials)));
    return id;
  }

  it('hands out what was saved, and after a change what is saved now', async () => {
    const id = await save({ kind: 'password', password: 'one' });
    const supply = serviceWith().supplierFor(id);
    await expect(supply(signal)).resolves.toEqual({ kind: 'password', password: 'one' });
    const changed: Credentials = { kind: 'oauth2', accessToken: { token: 'two' } };
    await dataSource.transaction((manager) => repository.replace(manager, vault.seal(id, changed)));
    await expect(supply(signal)).resolves.toEqual({ kind: 'oauth2', accessToken: 'two' });
  });

  it('is gone with its account', async () => {
    const id = await save({ kind: 'password', password: 'one' });
    await select(dataSource, 'DELETE FROM account WHERE id = $1', [id]);
    await expect(serviceWith().supplierFor(id)(signal)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await dataSource.manager.count(CredentialEntity)).toBe(0);
  });

  it('uses an access token until shortly before it ends', async () => {
    const id = await save({ kind: 'oauth2', accessToken: { token: 'fresh', expiresAt: inFuture() }, renewal });
    await expect(serviceWith().supplierFor(id)(signal)).resolves.toEqual({ kind: 'oauth2', accessToken: 'fresh' });
    expect(tokens.calls).toBe(0);
  });

  it('renews a token that was refused, but not the one that somebody else has renewed meanwhile', async () => {
    const id = await save({ kind: 'oauth2', accessToken: { token: 'revoked', expiresAt: inFuture() }, renewal });
    const refused = { kind: 'oauth2', accessToken: 'revoked' } as const;
    const renewed = { kind: 'oauth2', accessToken: 'access-2' };
    await expect(serviceWith().supplierFor(id)(signal, refused)).resolves.toEqual(renewed);
    await expect(serviceWith().supplierFor(id)(signal, refused)).resolves.toEqual(renewed);
    expect(tokens.calls).toBe(1);
  });

  it('hands out again what was refused where there is no other', async () => {
    const id = await save({ kind: 'oauth2', accessToken: { token: 'only' } });
    const only = { kind: 'oauth2', accessToken: 'only' } as const;
    await expect(serviceWith().supplierFor(id)(signal, only)).resolves.toEqual(only);
    const draft = serviceWith().draft({
      kind: 'oauth2',
      accessToken: { token: 'old', expiresAt: inFuture() },
      renewal,
    });
    const old = { kind: 'oauth2', accessToken: 'old' } as const;
    await expect(draft.supply(signal, old)).resolves.toEqual({ kind: 'oauth2', accessToken: 'access-2' });
  });

  it('renews once for everybody, on every instance, and keeps the rotated refresh token', async () => {
    const id = await save({ kind: 'oauth2', accessToken: { token: 'old', expiresAt: new Date(0) }, renewal });
    const instances = [serviceWith(), serviceWith()];
    const secrets = await Promise.all(
      Array.from({ length: 20 }, (_, i) => instances[i % 2]!.supplierFor(id)(AbortSignal.timeout(30_000))),
    );
    expect(new Set(secrets.map((secret) => JSON.stringify(secret)))).toEqual(
      new Set(['{"kind":"oauth2","accessToken":"access-2"}']),
    );
    expect(tokens.calls).toBe(1);
    expect(vault.open(await repository.get(id))).toMatchObject({ renewal: { refreshToken: 'refresh-2' } });
  });

  it('keeps what it has when the renewal fails', async () => {
    const id = await save({ kind: 'oauth2', renewal: { ...renewal, refreshToken: 'stolen' } });
    const before = await repository.get(id);
    await expect(serviceWith().supplierFor(id)(signal)).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' });
    expect(await repository.get(id)).toEqual(before);
  });

  it('lets one caller leave while the renewal goes on for the others', async () => {
    const id = await save({ kind: 'oauth2', renewal });
    let answer!: () => void;
    tokens.answer = new Promise((resolve) => (answer = resolve));
    const service = serviceWith();
    const caller = new AbortController();
    const leaving = service.supplierFor(id)(caller.signal);
    const staying = service.supplierFor(id)(signal);
    caller.abort(new Error('enough'));
    await expect(leaving).rejects.toThrow('enough');
    answer();
    await expect(staying).resolves.toEqual({ kind: 'oauth2', accessToken: 'access-2' });
  });

  it('remembers for a draft what signing in has made of it', async () => {
    const draft = serviceWith().draft({ kind: 'oauth2', renewal });
    await expect(draft.supply(signal)).resolves.toEqual({ kind: 'oauth2', accessToken: 'access-2' });
    await draft.supply(signal);
    expect(tokens.calls).toBe(1);
    expect(draft.current()).toMatchObject({ renewal: { refreshToken: 'refresh-2' } });
  });

  it('brings everything under the new master key at start', async () => {
    const ids = await Promise.all(Array.from({ length: 5 }, (_, i) => save({ kind: 'password', password: `p${i}` })));
    await new MasterKeyRotation(repository, vaultWith(B, A)).onModuleInit();
    expect(await repository.masterKeyIds()).toEqual(['b']);
    const later = serviceWith(vaultWith(B));
    await expect(later.supplierFor(ids[3]!)(signal)).resolves.toEqual({ kind: 'password', password: 'p3' });
  });

  it('refuses to start with a key that does not open what is stored, and touches nothing', async () => {
    const id = await save({ kind: 'password', password: 'x' });
    await expect(new MasterKeyRotation(repository, vaultWith(B)).onModuleInit()).rejects.toThrow('MASTER_KEY_PREVIOUS');
    await expect(serviceWith().supplierFor(id)(signal)).resolves.toEqual({ kind: 'password', password: 'x' });
  });
});
