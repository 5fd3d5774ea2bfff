import { EventEmitter, once } from 'node:events';
import { Global, Module, type INestApplication, type ModuleMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { emptyEnvelope } from '../factories/envelope.js';
import type { Account } from '../../src/accounts/account.js';
import { AccountService } from '../../src/accounts/account.service.js';
import { AccountsModule } from '../../src/accounts/accounts.module.js';
import { ApiKeyService } from '../../src/auth/api-key.service.js';
import { AuthModule } from '../../src/auth/auth.module.js';
import { AuthService } from '../../src/auth/auth.service.js';
import type { Principal } from '../../src/auth/principal.js';
import { UrlSigner } from '../../src/auth/url-signer.js';
import { toPublicId } from '../../src/common/public-id.js';
import { uuidV7 } from '../../src/common/uuid.js';
import { CONFIG } from '../../src/config/config.js';
import { EventService } from '../../src/events/event.service.js';
import { EventsModule } from '../../src/events/events.module.js';
import { GraphqlModule } from '../../src/graphql/graphql.module.js';
import { HttpModule } from '../../src/http/http.module.js';
import { MailError } from '../../src/mailbox/mailbox.errors.js';
import { MailboxExportService } from '../../src/mailbox/mailbox-export.service.js';
import { MailboxModule } from '../../src/mailbox/mailbox.module.js';
import { MailboxService } from '../../src/mailbox/mailbox.service.js';
import { MessageContentService } from '../../src/mailbox/message-content.service.js';
import { MessageImportService } from '../../src/mailbox/message-import.service.js';
import { MessageService } from '../../src/mailbox/message.service.js';
import type { Change, ChangeType } from '../../src/mailbox/model/change.js';
import {
  changePosition,
  type AccountId,
  type ApiKeyId,
  type MailboxId,
  type MessageId,
  type ThreadId,
} from '../../src/mailbox/model/ids.js';
import type { Mailbox } from '../../src/mailbox/model/mailbox.js';
import { NO_FLAGS, type Message, type Part } from '../../src/mailbox/model/message.js';
import { METRICS, createMetrics } from '../../src/observability/metrics.js';
import { Readiness } from '../../src/observability/readiness.js';

export const limits = {
  maxPageSize: 200,
  maxBulkIds: 1000,
  maxQueryDepth: 12,
  maxQueryCost: 20_000,
  maxAliases: 30,
  maxImportBytes: 3_000_000,
  maxBodyBytes: 1_000_000,
  changeRetentionHours: 1,
  downloadUrlTtlSeconds: 60,
};

export const accountUuid = uuidV7() as AccountId;
const mailboxUuid = uuidV7() as MailboxId;
export const messageUuid = uuidV7() as MessageId;
export const publicAccountId = toPublicId('account', accountUuid);
export const publicMailboxId = toPublicId('mailbox', mailboxUuid);
export const publicMessageId = toPublicId('message', messageUuid);

const ADMIN: Principal = { kind: 'API_KEY', keyId: uuidV7() as ApiKeyId, scopes: ['ADMIN'] };
const SIGNATURE = 'sig=good';

const account: Account = {
  id: accountUuid,
  name: 'Account',
  protocol: 'IMAP',
  server: { host: 'mail.example.org', port: 993, security: 'TLS', username: 'me', authentication: 'PASSWORD' },
  status: { state: 'ONLINE', since: new Date(0) },
  changePosition: changePosition(7),
  version: 0n,
  createdAt: new Date(0),
};

const mailbox: Mailbox = {
  id: mailboxUuid,
  accountId: accountUuid,
  path: 'INBOX',
  specialUse: 'INBOX',
  subscribed: true,
  selectable: true,
  totalMessages: 50,
  unseenMessages: 1,
  sync: { complete: true, messagesTotal: 50, messagesSynced: 50 },
};

const part = (partNumber: string, contentType: string, more: Partial<Part> = {}): Part => ({
  partNumber,
  contentType,
  sizeBytes: 78,
  parts: [],
  ...more,
});

const root = part('', 'multipart/mixed', {
  parts: [
    part('1', 'text/plain'),
    part('2', 'image/png', { filename: 'a.png', disposition: 'attachment', encoding: 'base64' }),
  ],
});

function messageWith(id: MessageId, subject: string): Message {
  return {
    id,
    accountId: accountUuid,
    mailboxId: mailboxUuid,
    threadId: 'thr' as ThreadId,
    envelope: { ...emptyEnvelope, subject },
    flags: NO_FLAGS,
    internalDate: new Date(0),
    sizeBytes: 10,
    root,
    parseWarnings: [],
    hasAttachments: true,
  };
}

const nothing = (): void => undefined;
const SILENT = { log: nothing, warn: nothing, error: nothing };

/** The services behind the doors, without anything behind them: one account, one mailbox, and what each test tells them to do. */
export class FakeServices {
  readonly publicMailboxId = toPublicId('mailbox', mailboxUuid);
  calls: Record<string, number> = {};
  fail: Error | undefined;
  /** What a subscription ends with, at once. */
  endWith: MailError | undefined;
  keyIsValid = true;
  matches = true;
  gone = false;
  subject = 'Subject';
  /** What a download gives, chunk by chunk. */
  chunks: () => AsyncIterable<Buffer> = () => this.oneChunk();
  downloadPart: Part = part('2', 'image/png', { filename: 'a.png' });

  private readonly lastArguments = new Map<string, unknown>();
  private readonly signals = new EventEmitter().setMaxListeners(0);
  private queue: Change[] = [];
  private listening = 0;
  private position = 7n;

  reset(): void {
    this.calls = {};
    this.fail = undefined;
    this.endWith = undefined;
    this.keyIsValid = true;
    this.matches = true;
    this.gone = false;
    this.subject = 'Subject';
    this.chunks = () => this.oneChunk();
    this.queue = [];
    this.lastArguments.clear();
  }

  last(name: string): unknown {
    return this.lastArguments.get(name);
  }

  announce({ type = 'MESSAGE_ADDED', initial = false }: { type?: ChangeType; initial?: boolean }): void {
    this.position += 1n;
    const base = { accountId: accountUuid, position: changePosition(this.position), at: new Date(0) };
    const details = { messageId: messageUuid, mailboxId: mailboxUuid, initial, path: 'INBOX' };
    this.queue.push({ ...base, ...details, type });
    this.signals.emit('change');
  }

  untilListening(): Promise<void> {
    return this.until(() => this.listening > 0);
  }

  /** No subscription is left running. */
  untilQuiet(): Promise<void> {
    return this.until(() => this.listening === 0);
  }

  untilCalled(name: string, times: number): Promise<void> {
    return this.until(() => (this.calls[name] ?? 0) >= times);
  }

  async createApp(): Promise<INestApplication> {
    const replaced = [AccountsModule, AuthModule, EventsModule, MailboxModule];
    let builder = Test.createTestingModule({ imports: [this.globals(), GraphqlModule, HttpModule] }).setLogger(SILENT);
    for (const module of replaced) builder = builder.overrideModule(module).useModule(this.moduleFor(module));
    return (await builder.compile()).createNestApplication({ bodyParser: false });
  }

  private globals() {
    const config = { limits, publicUrl: undefined };
    return asModule(
      {
        providers: [{ provide: CONFIG, useValue: config }, { provide: METRICS, useFactory: createMetrics }, Readiness],
        exports: [CONFIG, METRICS, Readiness],
      },
      true,
    );
  }

  private moduleFor(module: unknown) {
    const services = new Map<unknown, readonly [unknown, object][]>([
      [AccountsModule, [[AccountService, this.accounts()]]],
      [
        AuthModule,
        [
          [AuthService, this.auth()],
          [ApiKeyService, {}],
          [UrlSigner, this.signer()],
        ],
      ],
      [EventsModule, [[EventService, this.events()]]],
      [
        MailboxModule,
        [
          [MailboxExportService, this.exports()],
          [MailboxService, this.mailboxes()],
          [MessageContentService, this.content()],
          [MessageService, this.commands()],
          [MessageImportService, this.imports()],
        ],
      ],
    ]).get(module)!;
    const providers = services.map(([provide, useValue]) => ({ provide: provide as symbol, useValue }));
    return asModule({ providers, exports: providers.map(({ provide }) => provide) }, false);
  }

  private called(name: string, argument?: unknown): void {
    this.calls[name] = (this.calls[name] ?? 0) + 1;
    this.lastArguments.set(name, argument);
    this.signals.emit('change');
    if (this.fail) throw this.fail;
  }

  private async until(holds: () => boolean): Promise<void> {
    while (!holds()) await once(this.signals, 'change', { signal: AbortSignal.timeout(5_000) });
  }

  private auth(): Partial<AuthService> {
    return {
      authenticate: async (authorization) => {
        if (authorization === 'Bearer good') return ADMIN;
        if (authorization === 'Bearer reader') return { ...ADMIN, scopes: ['READ'] };
        throw new MailError('UNAUTHENTICATED', 'no');
      },
      isStillValid: async () => this.keyIsValid,
    };
  }

  private signer(): Partial<UrlSigner> {
    return { sign: (path) => `${path}?exp=1&${SIGNATURE}`, verify: (_path, query) => query.sig === 'good' };
  }

  private accounts(): Partial<AccountService> {
    return {
      findMany: async (_ctx, ids) => {
        this.called('findMany');
        return ids.map(() => account);
      },
    };
  }

  private mailboxes(): Partial<MailboxService> {
    const messages = (name: string) => async (_ctx: Principal, ids: readonly MessageId[]) => {
      this.called(name);
      return ids.map((id) => (this.gone ? undefined : messageWith(id, this.subject)));
    };
    return {
      findMessages: messages('findMessages'),
      findMessagesOfChanges: messages('findMessagesOfChanges'),
      findMailboxesOfChanges: async (_ctx, ids) => {
        this.called('findMailboxesOfChanges');
        return ids.map(() => mailbox);
      },
      listMessages: async (_ctx, { page }) => {
        this.called('listMessages');
        const nodes = Array.from({ length: page.first ?? 0 }, () => messageWith(uuidV7() as MessageId, this.subject));
        const edges = nodes.map((node) => ({ cursor: node.id, node }));
        return { edges, hasNextPage: false, hasPreviousPage: false, incomplete: [] };
      },
      countMessages: async () => {
        this.called('countMessages');
        return this.matches ? 50 : 0;
      },
      renameMailbox: async (_ctx, input) => {
        this.called('renameMailbox', input);
        return mailbox;
      },
    };
  }

  private content(): Partial<MessageContentService> {
    return {
      structures: async (_ctx, messages) => {
        this.called('structures');
        return messages.map((message) => ({ ...message, root: message.root! }));
      },
      previews: async (_ctx, messages) => {
        this.called('previews');
        return messages.map(() => 'preview');
      },
      bodies: async (_ctx, messages) => {
        this.called('bodies');
        return messages.map(() => ({ text: 'Grüße', html: '<p>x</p>', truncated: false }));
      },
      openRaw: async (_id, signal) => {
        this.called('openRaw', signal);
        return { sizeBytes: 1, octets: this.chunks() };
      },
      openPart: async (_id, _partNumber, signal) => {
        this.called('openPart', signal);
        return { part: this.downloadPart, octets: this.chunks() };
      },
    };
  }

  private exports(): Partial<MailboxExportService> {
    return {
      open: async (_id, signal) => {
        this.called('exportMailbox', signal);
        return { mailbox, messages: this.exported() };
      },
    };
  }

  private async *exported() {
    const octets = this.chunks();
    yield { message: messageWith(messageUuid, this.subject), sizeBytes: 'octets'.length, octets };
  }

  private commands(): Partial<MessageService> {
    return {
      updateMessages: async (_ctx, ids) => {
        this.called('updateMessages');
        return { messages: ids.map((id) => messageWith(id, this.subject)), failures: [] };
      },
    };
  }

  private imports(): Partial<MessageImportService> {
    return {
      importMessage: async (_ctx, { octets }) => {
        this.called('importMessage', octets.length);
        return messageWith(messageUuid, this.subject);
      },
    };
  }

  private events(): Partial<EventService> {
    return { changes: (_ctx, selection, signal) => this.changes(selection, signal) };
  }

  private async *changes(selection: object, signal: AbortSignal): AsyncGenerator<Change> {
    this.listening += 1;
    try {
      this.called('changes', selection);
      if (this.endWith) throw this.endWith;
      while (!signal.aborted) {
        const change = this.queue.shift();
        if (change) yield change;
        else await once(this.signals, 'change', { signal }).catch(() => undefined);
      }
    } finally {
      this.listening -= 1;
      this.signals.emit('change');
    }
  }

  private async *oneChunk(): AsyncIterable<Buffer> {
    yield Buffer.from('octets');
  }
}

function asModule(metadata: ModuleMetadata, global: boolean) {
  class FakeModule {}
  Module(metadata)(FakeModule);
  if (global) Global()(FakeModule);
  return FakeModule;
}
