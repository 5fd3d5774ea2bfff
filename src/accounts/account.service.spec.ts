import { createSecretKey, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { emptyEnvelope } from '../../test/factories/envelope.js';
import { Registry } from 'prom-client';
import { DataSource, getMetadataArgsStorage } from 'typeorm';
import { createTestDatabase, type TestDatabase } from '../../test/servers/postgres.js';
import type { Principal } from '../auth/principal.js';
import type { Config } from '../config/config.js';
import { CredentialRepository } from '../credentials/credential.repository.js';
import { CredentialService } from '../credentials/credential.service.js';
import type { TokenClient } from '../credentials/token-client.js';
import { Vault } from '../credentials/vault.js';
import { AdapterRegistry } from '../mailbox/adapter-registry.js';
import type { AccountConnection, Secret, StepListener } from '../mailbox/connection.port.js';
import { MailError } from '../mailbox/mailbox.errors.js';
import type { AccountId, ApiKeyId, ContentId, MailboxId } from '../mailbox/model/ids.js';
import { NO_FLAGS } from '../mailbox/model/message.js';
import type { Protocol } from '../mailbox/model/protocol.js';
import type { ProtocolAdapter, VerifyResult } from '../mailbox/protocol-adapter.js';
import { PostgresMirrorStore } from '../store/postgres-mirror.store.js';
import { ProtocolLogs } from '../observability/protocol-log.js';
import { select } from '../store/sql.js';
import type { AddAccountInput } from './account-input.js';
import { AccountConnections } from './account-connections.js';
import { AccountIntake } from './account-intake.js';
import type { AccountLifecycle } from './account-lifecycle.port.js';
import { AccountMetrics } from './account.metrics.js';
import { AccountStatusWriter } from './account-status.writer.js';
import { AccountRepository } from './account.repository.js';
import { AccountService } from './account.service.js';
import { ConnectionBudget } from './connection-budget.js';
import { EndpointPolicy } from './endpoint-policy.js';

const config = {
  secrets: { masterKey: { id: 'k', key: createSecretKey(randomBytes(32)) }, adminKeyHash: '' },
  mail: {
    hostAllow: { networks: ['127.0.0.0/8'], hosts: [] },
    portAllow: [110, 143, 993, 995],
    allowPlaintext: false,
  },
  connections: { connections: 9, connectionsPerHost: 9, signIns: 9, signInsPerHost: 9 },
} as unknown as Config;

const principal = (patch: Partial<Principal> = {}): Principal => ({
  kind: 'API_KEY',
  keyId: 'key' as ApiKeyId,
  scopes: ['ADMIN'],
  ...patch,
});
const ADMIN = principal();

/** A mail server that takes one password. */
class FakeAdapter implements ProtocolAdapter {
  readonly defaultPorts;
  readonly storage;
  readonly signIns: { connection: AccountConnection; secret: Secret }[] = [];
  password = 'right';
  hasUidl = true;

  constructor(readonly protocol: Protocol) {
    this.defaultPorts = protocol === 'IMAP' ? { tls: 993, plain: 143 } : { tls: 995, plain: 110 };
    this.storage = protocol === 'IMAP' ? ('SERVER' as const) : ('GATEWAY' as const);
  }

  async verify(connection: AccountConnection, onStep: StepListener, signal: AbortSignal): Promise<VerifyResult> {
    await connection.resolve(signal);
    onStep({ name: 'RESOLVE', ok: true, durationMs: 1 });
    const secret = await connection.secret(signal);
    this.signIns.push({ connection, secret });
    const ok = secret.kind === 'password' && secret.password === this.password;
    onStep({ name: 'SIGN_IN', ok, durationMs: 1 });
    if (!ok) throw new MailError('AUTHENTICATION_FAILED', 'the server refused the password');
    return { serverCapabilities: ['IDLE'], mailboxes: ['INBOX'], hasUidl: this.hasUidl };
  }

  open(): never {
    throw new Error('not asked for');
  }
}

class RecordingLifecycle implements AccountLifecycle {
  readonly calls: string[] = [];
  readonly started = async (id: AccountId): Promise<void> => void this.calls.push(`started ${id}`);
  readonly changed = async (id: AccountId): Promise<void> => void this.calls.push(`changed ${id}`);
  readonly stopping = async (id: AccountId): Promise<void> => void this.calls.push(`stopping ${id}`);
}

const imapInput = (patch: object = {}): AddAccountInput => ({
  name: null,
  imap: {
    host: '127.0.0.1',
    security: 'TLS',
    username: 'anna',
    credentials: { password: 'right' },
    ...patch,
  },
  verify: true,
});
const pop3Input = (patch: object = {}): AddAccountInput => ({
  name: 'Home',
  emailAddress: 'anna@example.org',
  pop3: {
    host: '127.0.0.1',
    security: 'TLS',
    username: 'anna',
    credentials: { password: 'right' },
    afterDownload: 'KEEP',
    deleteWhenExpunged: false,
    pollIntervalSeconds: 300,
    ...patch,
  },
  verify: true,
});

describe('AccountService', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let mirror: PostgresMirrorStore;
  let imap: FakeAdapter;
  let pop3: FakeAdapter;
  let lifecycle: RecordingLifecycle;
  let connections: AccountConnections;
  let protocolLogs: ProtocolLogs;
  let repository: AccountRepository;
  let statuses: AccountStatusWriter;
  let service: AccountService;

  beforeAll(async () => {
    database = await createTestDatabase();
    const entities = getMetadataArgsStorage().tables.flatMap(({ target }) =>
      typeof target === 'string' ? [] : target,
    );
    dataSource = await new DataSource({ type: 'postgres', url: database.url, entities }).initialize();
    mirror = new PostgresMirrorStore(dataSource);
  }, 60_000);
  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
  });
  beforeEach(async () => {
    await select(dataSource, 'DELETE FROM account');
    imap = new FakeAdapter('IMAP');
    pop3 = new FakeAdapter('POP3');
    lifecycle = new RecordingLifecycle();
    const vault = new Vault(config);
    const stored = new CredentialRepository(dataSource);
    const credentials = new CredentialService(stored, vault, {} as TokenClient);
    const endpoints = new EndpointPolicy(config, async () => [{ address: '127.0.0.1', family: 4 }]);
    protocolLogs = new ProtocolLogs();
    connections = new AccountConnections(credentials, endpoints, new ConnectionBudget(config), protocolLogs, config);
    repository = new AccountRepository(dataSource, stored, vault);
    statuses = new AccountStatusWriter(repository);
    const adapters = new AdapterRegistry([imap, pop3]);
    const intake = new AccountIntake(adapters, connections, credentials, endpoints);
    service = new AccountService(repository, intake, statuses, protocolLogs, lifecycle);
  });

  const secretOf = async (id: AccountId): Promise<Secret> => {
    const [account] = await service.findMany(ADMIN, [id]);
    return connections.connectionOf(account!).secret(AbortSignal.timeout(5000));
  };
  const stateOf = async (id: AccountId): Promise<string | undefined> =>
    (await service.findMany(ADMIN, [id]))[0]?.status.state;

  describe('protocolLog', () => {
    const [ann, bob] = ['ann', 'bob'] as AccountId[];
    beforeEach(() => {
      protocolLogs.of(ann!).note('S', 1, '* OK hello ann');
      protocolLogs.of(bob!).note('S', 1, '* OK hello bob');
    });

    it('says whose lines these are, and shows those of one account alone', () => {
      expect(service.protocolLog(ADMIN, ann!, 200)).toEqual([
        expect.stringMatching(/Z -: all that this instance has kept; others keep their own$/),
        expect.stringMatching(/Z 1 S: \* OK hello ann$/),
      ]);
      expect(service.protocolLog(ADMIN, ann!, 1)).toEqual([expect.stringMatching(/hello ann$/)]);
      expect(service.protocolLog(ADMIN, 'carl' as AccountId, 200)).toHaveLength(1);
    });

    it('is for scope ADMIN, and for the accounts of the key', () => {
      for (const scope of ['ACCOUNTS', 'READ', 'MODIFY', 'SEND'] as const) {
        const read = (): unknown => service.protocolLog(principal({ scopes: [scope] }), ann!, 200);
        expect(read).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }));
      }
      const ofBob = principal({ accountIds: [bob!] });
      expect(() => service.protocolLog(ofBob, ann!, 200)).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }));
      expect(service.protocolLog(ofBob, bob!, 1)).toHaveLength(1);
    });

    it.each([0, -1, 1001])('refuses %d lines', (last) => {
      expect(() => service.protocolLog(ADMIN, ann!, last)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }));
    });
  });

  describe('add', () => {
    it('signs in, saves the account with its sealed credentials, and has it started', async () => {
      const account = await service.add(ADMIN, imapInput({ mailboxes: ['INBOX', 'Work'] }));
      expect(account).toMatchObject({
        protocol: 'IMAP',
        name: 'anna',
        server: { host: '127.0.0.1', port: 993, security: 'TLS', username: 'anna', authentication: 'PASSWORD' },
        status: { state: 'CONNECTING' },
        onlyMailboxes: ['INBOX', 'Work'],
        changePosition: 0n,
      });
      expect(imap.signIns).toHaveLength(1);
      expect(lifecycle.calls).toEqual([`started ${account.id}`]);
      await expect(secretOf(account.id)).resolves.toEqual({ kind: 'password', password: 'right' });
      const rows = JSON.stringify(await select(dataSource, 'SELECT * FROM account, credential, credential_key'));
      expect(rows).not.toContain('right');
    });

    it('gives a POP3 account its local mailboxes', async () => {
      const account = await service.add(ADMIN, pop3Input({ afterDownload: 'DELETE_AFTER_DAYS', deleteAfterDays: 14 }));
      expect(account).toMatchObject({
        protocol: 'POP3',
        name: 'Home',
        policy: { afterDownload: 'DELETE_AFTER_DAYS', deleteAfterDays: 14, pollIntervalSeconds: 300 },
        poll: {},
      });
      const mailboxes = await mirror.mailboxesOf([account.id]);
      const uses = Object.fromEntries(mailboxes.map(({ path, specialUse }) => [path, specialUse]));
      expect(uses).toEqual({
        INBOX: 'INBOX',
        Drafts: 'DRAFTS',
        Sent: 'SENT',
        Archive: 'ARCHIVE',
        Junk: 'JUNK',
        Trash: 'TRASH',
      });
    });

    it('saves nothing when the server refuses, and says which part of the input is to blame', async () => {
      await expect(service.add(ADMIN, imapInput({ credentials: { password: 'wrong' } }))).rejects.toMatchObject({
        code: 'AUTHENTICATION_FAILED',
        field: ['input', 'imap', 'credentials'],
      });
      await expect(service.add(ADMIN, imapInput({ port: 25 }))).rejects.toMatchObject({
        code: 'HOST_FORBIDDEN',
        field: ['input', 'imap', 'host'],
      });
      expect(await repository.allIds()).toEqual([]);
      expect(await select(dataSource, 'SELECT * FROM credential_key')).toEqual([]);
      expect(lifecycle.calls).toEqual([]);
    });

    it('saves unseen what it is told not to verify', async () => {
      const account = await service.add(ADMIN, { ...imapInput({ credentials: { password: 'wrong' } }), verify: false });
      expect(imap.signIns).toEqual([]);
      await expect(secretOf(account.id)).resolves.toEqual({ kind: 'password', password: 'wrong' });
    });

    it('refuses the same login twice, also when both come at once', async () => {
      const both = await Promise.allSettled([service.add(ADMIN, imapInput()), service.add(ADMIN, imapInput())]);
      expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      await expect(service.add(ADMIN, imapInput())).rejects.toMatchObject({ code: 'CONFLICT' });
      await expect(service.add(ADMIN, imapInput({ username: 'bert' }))).resolves.toBeDefined();
      await expect(service.add(ADMIN, pop3Input())).resolves.toBeDefined();
    });

    it('is for keys that may manage all accounts', async () => {
      await expect(service.add(principal({ scopes: ['READ'] }), imapInput())).rejects.toMatchObject({
        code: 'FORBIDDEN',
      });
      const limited = principal({ scopes: ['ACCOUNTS'], accountIds: [] });
      await expect(service.add(limited, imapInput())).rejects.toMatchObject({ code: 'FORBIDDEN' });
      await expect(service.add(principal({ scopes: ['ACCOUNTS'] }), imapInput())).resolves.toBeDefined();
    });
  });

  describe('verify', () => {
    it('tells the steps, and saves nothing', async () => {
      await expect(service.verify(ADMIN, imapInput())).resolves.toMatchObject({
        ok: true,
        steps: [{ name: 'RESOLVE' }, { name: 'SIGN_IN' }],
        serverCapabilities: ['IDLE'],
        mailboxes: ['INBOX'],
      });
      expect(await repository.allIds()).toEqual([]);
    });

    it('reports what failed instead of throwing it', async () => {
      await expect(service.verify(ADMIN, imapInput({ credentials: { password: 'x' } }))).resolves.toMatchObject({
        ok: false,
        steps: [{ name: 'RESOLVE' }, { name: 'SIGN_IN', ok: false }],
        error: { code: 'AUTHENTICATION_FAILED' },
      });
      await expect(service.verify(ADMIN, imapInput({ host: 'a b' }))).resolves.toMatchObject({
        ok: false,
        steps: [],
        error: { code: 'INVALID_INPUT', field: ['input', 'imap', 'host'] },
      });
    });
  });

  describe('update', () => {
    it('changes what is given, leaves the rest, and takes away what is null', async () => {
      const { id } = await service.add(ADMIN, pop3Input({ maxMessageBytes: 5000 }));
      const patch = { accountId: id, emailAddress: null, pop3: { pollIntervalSeconds: 600, maxMessageBytes: null } };
      const account = await service.update(ADMIN, { ...patch, verify: true });
      expect(account).toMatchObject({ name: 'Home', policy: { pollIntervalSeconds: 600, afterDownload: 'KEEP' } });
      expect(account.emailAddress).toBeUndefined();
      expect(account.protocol === 'POP3' && account.policy.maxMessageBytes).toBeUndefined();
      expect(lifecycle.calls).toEqual([`started ${id}`, `changed ${id}`]);
    });

    it('signs in again, with the stored secret where none is given, before anything is saved', async () => {
      const { id } = await service.add(ADMIN, imapInput());
      await service.update(ADMIN, { accountId: id, imap: { username: 'bert' }, verify: true });
      expect(imap.signIns.at(-1)).toMatchObject({ connection: { username: 'bert' }, secret: { password: 'right' } });
      const wrong = { accountId: id, imap: { credentials: { password: 'wrong' } }, verify: true };
      await expect(service.update(ADMIN, wrong)).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' });
      await expect(secretOf(id)).resolves.toEqual({ kind: 'password', password: 'right' });
    });

    it('forgets what went wrong when the credentials are new', async () => {
      const { id } = await service.add(ADMIN, imapInput());
      await statuses.applyEvent(id, { kind: 'failed', error: { code: 'AUTHENTICATION_FAILED', message: 'no' } });
      expect(await stateOf(id)).toBe('AUTHENTICATION_FAILED');
      imap.password = 'new';
      const updated = await service.update(ADMIN, {
        accountId: id,
        imap: { credentials: { password: 'new' } },
        verify: true,
      });
      expect(updated.status).toMatchObject({ state: 'CONNECTING', lastError: undefined });
      await expect(secretOf(id)).resolves.toEqual({ kind: 'password', password: 'new' });
    });

    it('never sends a stored secret to another host', async () => {
      const { id } = await service.add(ADMIN, imapInput());
      await expect(
        service.update(ADMIN, { accountId: id, imap: { host: '127.0.0.2' }, verify: true }),
      ).rejects.toMatchObject({ code: 'INVALID_INPUT', field: ['input', 'imap', 'credentials'] });
      expect(imap.signIns).toHaveLength(1);
    });

    it('refuses what does not fit the account', async () => {
      const { id } = await service.add(ADMIN, imapInput());
      const other = { accountId: id, pop3: { pollIntervalSeconds: 600 }, verify: true };
      await expect(service.update(ADMIN, other)).rejects.toMatchObject({ field: ['input', 'pop3'] });
      await service.add(ADMIN, imapInput({ username: 'bert' }));
      const taken = { accountId: id, imap: { username: 'bert' }, verify: true };
      await expect(service.update(ADMIN, taken)).rejects.toMatchObject({ code: 'CONFLICT' });
    });
  });

  describe('a policy that the POP3 server does not allow', () => {
    const refusal = { code: 'INVALID_INPUT', field: ['input', 'pop3', 'afterDownload'] };
    const days = { afterDownload: 'DELETE_AFTER_DAYS', deleteAfterDays: 7 } as const;
    beforeEach(() => {
      pop3.hasUidl = false;
    });

    it('is refused when the account is added, and told when it is only verified', async () => {
      await expect(service.add(ADMIN, pop3Input(days))).rejects.toMatchObject(refusal);
      expect(await service.verify(ADMIN, pop3Input(days))).toMatchObject({ ok: false, error: refusal });
      expect(await service.verify(ADMIN, pop3Input())).toMatchObject({ ok: true, hasUidl: false });
    });

    it('is refused in a change once a visit has shown it; other changes are not', async () => {
      const { id } = await service.add(ADMIN, pop3Input());
      const lastPoll = JSON.stringify({ downloaded: 0, hasUidl: false });
      await select(dataSource, 'UPDATE account SET last_poll = $1', [lastPoll]);
      const change = (patch: object) => service.update(ADMIN, { accountId: id, pop3: patch, verify: true });
      await expect(change(days)).rejects.toMatchObject(refusal);
      await expect(change({ afterDownload: 'DELETE' })).resolves.toMatchObject({
        poll: { lastPoll: { warnings: [] } },
      });
      await expect(change({ pollIntervalSeconds: 600 })).resolves.toBeDefined();
    });
  });

  describe('remove', () => {
    async function store(accountId: AccountId, mailboxId: MailboxId): Promise<void> {
      const contentId = '00000000-0000-7000-8000-000000000001' as ContentId;
      const root = { partNumber: '1', contentType: 'text/plain', sizeBytes: 1, parts: [] };
      const data = {
        envelope: emptyEnvelope,
        flags: NO_FLAGS,
        internalDate: new Date(),
        sizeBytes: 1,
        root,
        parseWarnings: [],
      };
      await mirror.write(accountId, async (tx) => {
        const octets = Buffer.from('x');
        await tx.insertContents([{ id: contentId, octets, sha256: Buffer.alloc(32), headerFields: [] }]);
        await tx.insertMessages(mailboxId, [{ data, contentId, initial: false }]);
      });
    }

    it('deletes mail that lives here only when that is said', async () => {
      const { id } = await service.add(ADMIN, pop3Input());
      const [inbox] = await mirror.mailboxesOf([id]);
      await store(id, inbox!.id);
      await expect(service.remove(ADMIN, id, { deleteStoredMail: false })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        field: ['input', 'deleteStoredMail'],
      });
      expect(await stateOf(id)).toBe('CONNECTING');
      await service.remove(ADMIN, id, { deleteStoredMail: true });
      expect(lifecycle.calls.at(-1)).toBe(`stopping ${id}`);
      for (const table of [
        'account',
        'credential_key',
        'credential',
        'mailbox',
        'message',
        'content',
        'content_chunk',
        'change',
      ]) {
        expect([table, await select(dataSource, `SELECT * FROM ${table}`)]).toEqual([table, []]);
      }
    });

    it('needs no such word for an account that holds none, and knows no account twice', async () => {
      const { id } = await service.add(ADMIN, pop3Input());
      await service.remove(ADMIN, id, { deleteStoredMail: false });
      await expect(service.remove(ADMIN, id, { deleteStoredMail: false })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });
  });

  describe('an account that is well', () => {
    const lastSuccess = async (id: AccountId): Promise<Date | undefined> =>
      (await repository.findById(id))?.status.lastSuccessAt;

    it('says so again after half a minute, without a row in the log, and under its lease alone', async () => {
      const { id } = await service.add(ADMIN, imapInput());
      await statuses.applyEvent(id, { kind: 'succeeded' });
      const [first, { changePosition } = { changePosition: 0n }] = [
        await lastSuccess(id),
        await repository.findById(id),
      ];
      await statuses.applyEvent(id, { kind: 'succeeded' });
      expect(await lastSuccess(id)).toEqual(first);
      await dataSource.query(`UPDATE account SET last_success_at = now() - interval '31 seconds' WHERE id = $1`, [id]);
      await expect(statuses.applyEvent(id, { kind: 'succeeded' }, 7n)).rejects.toMatchObject({ code: 'CONFLICT' });
      await statuses.applyEvent(id, { kind: 'succeeded' }, 0n);
      expect((await lastSuccess(id))!.getTime()).toBeGreaterThanOrEqual(first!.getTime());
      expect((await repository.findById(id))?.changePosition).toBe(changePosition);
    });

    it('is so again when it was not', async () => {
      const { id } = await service.add(ADMIN, imapInput());
      await statuses.applyEvent(id, { kind: 'succeeded' });
      await statuses.applyEvent(id, { kind: 'failed', error: { code: 'CONNECTION_FAILED', message: 'no' } });
      await statuses.applyEvent(id, { kind: 'succeeded' });
      expect((await repository.findById(id))?.status).toMatchObject({ state: 'ONLINE' });
      expect((await repository.findById(id))?.status.lastError).toBeUndefined();
    });
  });

  describe('pause and resume', () => {
    it('moves the state, logs it, and tells who runs accounts', async () => {
      const { id } = await service.add(ADMIN, imapInput());
      await expect(service.pause(ADMIN, id)).resolves.toMatchObject({
        status: { state: 'PAUSED' },
        changePosition: 1n,
      });
      await statuses.applyEvent(id, { kind: 'succeeded' });
      expect(await stateOf(id)).toBe('PAUSED');
      await expect(service.resume(ADMIN, id)).resolves.toMatchObject({
        status: { state: 'CONNECTING' },
        changePosition: 2n,
      });
      expect(lifecycle.calls).toEqual([`started ${id}`, `changed ${id}`, `changed ${id}`]);
    });
  });

  describe('reading', () => {
    it('counts accounts by state for the metrics', async () => {
      const { id } = await service.add(ADMIN, imapInput());
      await service.add(ADMIN, pop3Input());
      await service.pause(ADMIN, id);
      const registry = new Registry();
      new AccountMetrics(repository, registry).onModuleInit();
      const text = await registry.metrics();
      expect(text).toContain('mailroom_accounts{state="PAUSED"} 1');
      expect(text).toContain('mailroom_accounts{state="CONNECTING"} 1');
      expect(text).toContain('mailroom_accounts{state="ONLINE"} 0');
    });

    it('shows each caller its own accounts and no others', async () => {
      const a = await service.add(ADMIN, imapInput());
      const b = await service.add(ADMIN, pop3Input());
      const reader = principal({ scopes: ['READ'], accountIds: [b.id] });
      expect((await service.findMany(reader, [a.id, b.id, a.id])).map((account) => account?.id)).toEqual([
        undefined,
        b.id,
        undefined,
      ]);
      await expect(service.list(reader, { first: 10 })).resolves.toMatchObject({
        totalCount: 1,
        edges: [{ node: { id: b.id } }],
      });
      await expect(service.visibleIds(reader)).resolves.toEqual([b.id]);
      const manager = principal({ scopes: ['ACCOUNTS'], accountIds: [b.id] });
      await expect(service.pause(manager, a.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(service.findMany(principal({ scopes: ['SEND'] }), [a.id])).rejects.toMatchObject({
        code: 'FORBIDDEN',
      });
    });

    it('pages through all, in the order they were added, and filters', async () => {
      for (const username of ['a', 'b', 'c', 'd', 'e']) await service.add(ADMIN, imapInput({ username }));
      await service.add(ADMIN, pop3Input());
      const names: string[] = [];
      let after: string | undefined;
      for (let more = true; more;) {
        const page = await service.list(ADMIN, { first: 4, after });
        names.push(...page.edges.map(({ node }) => node.name));
        after = page.edges.at(-1)?.cursor;
        more = page.hasNextPage;
      }
      expect(names).toEqual(['a', 'b', 'c', 'd', 'e', 'Home']);
      await expect(service.list(ADMIN, { first: 9, protocol: 'POP3' })).resolves.toMatchObject({ totalCount: 1 });
      await expect(service.list(ADMIN, { first: 9, text: 'EXAMPLE.org' })).resolves.toMatchObject({ totalCount: 1 });
      await expect(service.list(ADMIN, { first: 9, text: '%' })).resolves.toMatchObject({ totalCount: 0 });
      await expect(service.list(ADMIN, { first: 9, states: ['PAUSED'] })).resolves.toMatchObject({
        totalCount: 0,
        edges: [],
      });
      await expect(service.list(ADMIN, { first: 9, after: 'bm9uc2Vuc2U' })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
      });
    });
  });
});
