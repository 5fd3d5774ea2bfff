import { randomUUID } from 'node:crypto';
import type { ImapAccount } from '../../src/accounts/account.js';
import type { AccountConnection } from '../../src/mailbox/connection.port.js';
import type { ServerKeeper, SyncBatch } from '../../src/mailbox/keeper.port.js';
import {
  changePosition,
  uid,
  type AccountId,
  type MailboxId,
  type MessageId,
  type ThreadId,
  type Uid,
} from '../../src/mailbox/model/ids.js';
import type { Mailbox, SyncCheckpoint } from '../../src/mailbox/model/mailbox.js';
import { isUnreadable, type Flags, type MessageData, type ReadMessage } from '../../src/mailbox/model/message.js';
import { ImapAdapter } from '../../src/imap/imap.adapter.js';
import type { Dovecot } from '../servers/dovecot.js';
import type { ScriptedServer } from '../servers/scripted-server.js';

const accountId = 'acc' as AccountId;

/** How to reach a user of a test server, as the adapter would be told. */
export function connectionTo(
  dovecot: Dovecot,
  user: string,
  patch: Partial<AccountConnection> = {},
): AccountConnection {
  const port =
    patch.port ?? (patch.security === undefined || patch.security === 'TLS' ? dovecot.imap.tlsPort : dovecot.imap.port);
  const host = patch.host ?? 'localhost';
  return {
    accountId,
    host,
    port,
    security: 'TLS',
    username: user,
    secret: () => Promise.resolve({ kind: 'password', password: dovecot.users.get(user) ?? '' }),
    resolve: () => Promise.resolve({ host, port, addresses: ['127.0.0.1'] }),
    extraCa: dovecot.caPem,
    ...patch,
  };
}

/** How to reach a scripted server, without TLS. */
export const plainConnectionTo = (
  { port }: Pick<ScriptedServer, 'port'>,
  patch: Partial<AccountConnection> = {},
): AccountConnection => ({
  host: 'localhost',
  port,
  security: 'NONE',
  username: 'ann',
  secret: () => Promise.resolve({ kind: 'password', password: 'secret' }),
  resolve: () => Promise.resolve({ host: 'localhost', port, addresses: ['127.0.0.1'] }),
  ...patch,
});

export function openKeeper(connection: AccountConnection, onlyMailboxes?: readonly string[]): ServerKeeper {
  const account: ImapAccount = {
    id: accountId,
    name: 'test',
    protocol: 'IMAP',
    server: { ...connection, authentication: 'PASSWORD' },
    status: { state: 'CONNECTING', since: new Date() },
    changePosition: changePosition(0),
    version: 0n,
    createdAt: new Date(),
    onlyMailboxes,
  };
  return new ImapAdapter().open(account, connection);
}

export const signal = (ms = 20_000): AbortSignal => AbortSignal.timeout(ms);

export const mailbox = (path: string, patch: Partial<Mailbox> = {}): Mailbox => ({
  id: path as MailboxId,
  accountId,
  path,
  delimiter: '/',
  subscribed: true,
  selectable: true,
  totalMessages: 0,
  unseenMessages: 0,
  sync: { complete: true, messagesTotal: 0, messagesSynced: 0 },
  ...patch,
});

interface MirroredMessage {
  data: MessageData;
  flags: Flags;
}

/** A mirror of one mailbox in memory: does with batches what the database does. */
export class MemoryMirror {
  readonly messages = new Map<Uid, MirroredMessage>();
  readonly batches: SyncBatch[] = [];
  checkpoint: SyncCheckpoint | undefined;
  /** How often all UIDs were asked for. */
  uidQueries = 0;

  constructor(
    private readonly keeper: ServerKeeper,
    readonly path = 'INBOX',
  ) {}

  /** @param interrupt asked after each batch */
  async sync(options: { full?: boolean; interrupt?: (batch: SyncBatch) => boolean | Promise<boolean> } = {}) {
    const known = {
      uids: () => {
        this.uidQueries += 1;
        return Promise.resolve([...this.messages.keys()].sort((a, b) => a - b));
      },
      count: () => Promise.resolve(this.messages.size),
      unreadable: () =>
        Promise.resolve([...this.messages].filter(([, { data }]) => isUnreadable(data)).map(([one]) => one)),
    };
    const { path, checkpoint } = this;
    const request = { path, checkpoint, known, full: options.full ?? false };
    for await (const batch of this.keeper.synchronise(request, signal(60_000))) {
      this.apply(batch);
      if (await options.interrupt?.(batch)) return;
    }
  }

  subjects(): string[] {
    return [...this.messages].sort(([a], [b]) => a - b).map(([, { data }]) => data.envelope.subject ?? '');
  }

  /** As it came. */
  data(subject: string): MessageData {
    return this.find(subject)[1].data;
  }

  message(subject: string): ReadMessage {
    const [one, { data, flags }] = this.find(subject);
    return {
      ...data,
      root: data.root!,
      flags,
      id: randomUUID() as MessageId,
      accountId,
      mailboxId: this.path as MailboxId,
      threadId: 'thread' as ThreadId,
      hasAttachments: false,
      remote: { uid: uid(one), uidValidity: this.checkpoint!.uidValidity },
    };
  }

  private find(subject: string): [Uid, { data: MessageData; flags: Flags }] {
    const found = [...this.messages].find(([, { data }]) => data.envelope.subject === subject);
    if (!found) throw new Error(`no ${subject} in the mirror`);
    return found;
  }

  private apply(batch: SyncBatch): void {
    this.batches.push(batch);
    if (batch.reset) this.messages.clear();
    for (const { uid: one, data } of batch.messages) this.messages.set(one, { data, flags: data.flags });
    for (const { uid: one, flags } of batch.flags) {
      const message = this.messages.get(one);
      if (message) message.flags = flags;
    }
    for (const one of batch.vanished) this.messages.delete(one);
    this.checkpoint = batch.checkpoint;
  }
}

/** Resolves when `condition` holds. @throws after five seconds */
export async function until(condition: () => boolean, what = 'condition'): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`${what} did not come`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export const mail = (subject: string, body = 'Hello\r\n', headers = ''): string =>
  `Message-ID: <${subject.replaceAll(' ', '-')}@example.org>\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n` +
  `From: "Ann" <ann@example.org>\r\nTo: bob@example.org\r\n${headers}Subject: ${subject}\r\n\r\n${body}`;
