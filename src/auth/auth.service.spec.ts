import { createSecretKey, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { insertAccount } from '../../test/factories/stored-account.js';
import { createTestDatabase, type TestDatabase } from '../../test/servers/postgres.js';
import { uuidV7 } from '../common/uuid.js';
import type { Config } from '../config/config.js';
import type { AccountId, ApiKeyId } from '../mailbox/model/ids.js';
import { select } from '../store/sql.js';
import { hashKey } from './api-key.js';
import { ApiKeyCache } from './api-key.cache.js';
import { ApiKeyEntity } from './api-key.entity.js';
import { ApiKeyRepository } from './api-key.repository.js';
import { ApiKeyService, type CreateApiKeyInput } from './api-key.service.js';
import { AuthService } from './auth.service.js';
import type { Principal } from './principal.js';

const adminKey = 'an-admin-key-of-enough-length';
const config = {
  secrets: {
    masterKey: { id: 'k', key: createSecretKey(randomBytes(32)) },
    adminKeyHash: hashKey(adminKey).toString('hex'),
  },
} as Config;

const inMs = (ms: number): Date => new Date(Date.now() + ms);

describe('API keys', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let repository: ApiKeyRepository;
  let keys: ApiKeyService;
  let auth: AuthService;
  let admin: Principal;

  /** As another process has them: its own cache on the same database. */
  function instance(): { keys: ApiKeyService; auth: AuthService } {
    const cache = new ApiKeyCache();
    return { keys: new ApiKeyService(repository, cache), auth: new AuthService(repository, cache, config) };
  }

  beforeAll(async () => {
    database = await createTestDatabase();
    dataSource = await new DataSource({ type: 'postgres', url: database.url, entities: [ApiKeyEntity] }).initialize();
    repository = new ApiKeyRepository(dataSource);
  }, 60_000);
  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
  });
  beforeEach(async () => {
    await select(dataSource, 'TRUNCATE api_key, account CASCADE');
    ({ keys, auth } = instance());
    admin = await auth.authenticate(`Bearer ${adminKey}`);
  });

  const newAccount = (): Promise<AccountId> => insertAccount(dataSource);
  const reader = (patch: Partial<CreateApiKeyInput> = {}): CreateApiKeyInput => ({
    name: 'r',
    scopes: ['READ'],
    ...patch,
  });
  const unauthenticated = { code: 'UNAUTHENTICATED' };

  describe('authenticate', () => {
    it("takes the operator's own key", () => {
      expect(admin).toMatchObject({ kind: 'API_KEY', scopes: ['ADMIN'] });
      expect(admin.accountIds).toBeUndefined();
    });

    it.each([
      undefined,
      '',
      'Bearer',
      'Bearer ',
      `Basic ${adminKey}`,
      adminKey,
      `Bearer ${adminKey}x`,
      `Bearer ${adminKey} x`,
      'Bearer mrk_unknown',
    ])('refuses %j', async (authorization) => {
      await expect(auth.authenticate(authorization)).rejects.toMatchObject(unauthenticated);
    });

    it('knows a key by its secret, and what it may do', async () => {
      const accountId = await newAccount();
      const expiresAt = inMs(60_000);
      const { key, secret } = await keys.create(admin, reader({ accountIds: [accountId], expiresAt }));
      expect(secret).toMatch(/^mrk_[\w-]{43}$/);
      expect(secret.startsWith(key.prefix)).toBe(true);
      await expect(auth.authenticate(`bearer  ${secret}`)).resolves.toEqual({
        kind: 'API_KEY',
        keyId: key.id,
        scopes: ['READ'],
        accountIds: [accountId],
        expiresAt,
      });
    });

    it('keeps nothing that would open the door', async () => {
      const { secret } = await keys.create(admin, reader());
      const [row] = await select<{ dump: string; hash: Buffer }>(
        dataSource,
        'SELECT k::text AS dump, hash FROM api_key k',
      );
      expect(row?.dump).not.toContain(secret.slice(14));
      expect(row?.hash.equals(hashKey(secret))).toBe(true);
    });

    it('ends with the key, though it was seen a moment ago', async () => {
      const { key, secret } = await keys.create(admin, reader({ expiresAt: inMs(60_000) }));
      const principal = await auth.authenticate(`Bearer ${secret}`);
      await select(dataSource, `UPDATE api_key SET expires_at = now() - interval '1 second' WHERE id = $1`, [key.id]);
      const fresh = instance().auth;
      await expect(fresh.authenticate(`Bearer ${secret}`)).rejects.toMatchObject(unauthenticated);
      await expect(fresh.isStillValid(principal)).resolves.toBe(false);
    });

    it('forgets a revoked key at once', async () => {
      const { key, secret } = await keys.create(admin, reader());
      const principal = await auth.authenticate(`Bearer ${secret}`);
      await expect(auth.isStillValid(principal)).resolves.toBe(true);
      await keys.revoke(admin, key.id);
      await expect(auth.authenticate(`Bearer ${secret}`)).rejects.toMatchObject(unauthenticated);
      await expect(auth.isStillValid(principal)).resolves.toBe(false);
      await expect(auth.isStillValid(admin)).resolves.toBe(true);
    });

    it('notes the use of a key, at most once a minute', async () => {
      const { key, secret } = await keys.create(admin, reader());
      const usedAt = async (): Promise<Date | undefined> => (await repository.findById(key.id))?.lastUsedAt;
      expect(await usedAt()).toBeUndefined();
      await auth.authenticate(`Bearer ${secret}`);
      const first = await usedAt();
      expect(first).toBeDefined();
      await instance().auth.authenticate(`Bearer ${secret}`);
      expect(await usedAt()).toEqual(first);
      await select(dataSource, `UPDATE api_key SET last_used_at = now() - interval '2 minutes'`);
      await instance().auth.authenticate(`Bearer ${secret}`);
      expect((await usedAt())!.getTime()).toBeGreaterThanOrEqual(first!.getTime());
    });
  });

  describe('create, list and revoke', () => {
    it('lists keys without their secrets, newest first', async () => {
      const first = await keys.create(admin, reader({ name: ' first ' }));
      const second = await keys.create(admin, reader({ scopes: ['MODIFY', 'READ', 'READ'] }));
      const list = await keys.list(admin);
      expect(list.map(({ id, name }) => [id, name])).toEqual([
        [second.key.id, 'r'],
        [first.key.id, 'first'],
      ]);
      expect(second.key.scopes).toEqual(['READ', 'MODIFY']);
      expect(JSON.stringify(list)).not.toContain(first.secret);
    });

    it('is for ADMIN alone', async () => {
      const others: Principal = { ...admin, scopes: ['ACCOUNTS', 'READ', 'MODIFY', 'SEND'] };
      const forbidden = { code: 'FORBIDDEN' };
      await expect(keys.list(others)).rejects.toMatchObject(forbidden);
      await expect(keys.create(others, reader())).rejects.toMatchObject(forbidden);
      await expect(keys.revoke(others, 'x' as ApiKeyId)).rejects.toMatchObject(forbidden);
    });

    it.each<[string, Partial<CreateApiKeyInput>, string, string]>([
      ['no name', { name: ' ' }, 'INVALID_INPUT', 'name'],
      ['a name of two lines', { name: 'a\nb' }, 'INVALID_INPUT', 'name'],
      ['no scope', { scopes: [] }, 'INVALID_INPUT', 'scopes'],
      ['no account', { accountIds: [] }, 'INVALID_INPUT', 'accountIds'],
      ['an unknown account', { accountIds: [uuidV7() as AccountId] }, 'NOT_FOUND', 'accountIds'],
      ['an end that is past', { expiresAt: new Date(0) }, 'INVALID_INPUT', 'expiresAt'],
    ])('refuses %s', async (_, patch, code, field) => {
      await expect(keys.create(admin, reader(patch))).rejects.toMatchObject({ code, field: ['input', field] });
      expect(await keys.list(admin)).toEqual([]);
    });

    it('never gives more than the caller has', async () => {
      const [a, b] = [await newAccount(), await newAccount()];
      const limited: Principal = { ...admin, accountIds: [a], expiresAt: inMs(60_000) };
      const soon = inMs(30_000);
      const attempt = (patch: Partial<CreateApiKeyInput>): Promise<unknown> => keys.create(limited, reader(patch));
      await expect(attempt({ accountIds: [a], expiresAt: soon })).resolves.toBeDefined();
      const refused = [
        { expiresAt: soon },
        { accountIds: [a, b], expiresAt: soon },
        { accountIds: [a] },
        { accountIds: [a], expiresAt: inMs(90_000) },
      ];
      for (const patch of refused) await expect(attempt(patch)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    });

    it("shows and revokes only keys within the caller's reach", async () => {
      const [a, b] = [await newAccount(), await newAccount()];
      const own = await keys.create(admin, reader({ accountIds: [a] }));
      const foreign = await keys.create(admin, reader({ accountIds: [a, b] }));
      const limited: Principal = { ...admin, accountIds: [a] };
      expect((await keys.list(limited)).map(({ id }) => id)).toEqual([own.key.id]);
      await expect(keys.revoke(limited, foreign.key.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await keys.revoke(limited, own.key.id);
      await expect(keys.revoke(admin, own.key.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });
  });
});
