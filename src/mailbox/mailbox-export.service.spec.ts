import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { emptyEnvelope } from '../../test/factories/envelope.js';
import type { MirrorStore } from '../store/mirror.port.js';
import type { KeeperProvider } from './keeper-provider.port.js';
import type { Keeper, RawMessage } from './keeper.port.js';
import { MailboxExportService } from './mailbox-export.service.js';
import { MailError } from './mailbox.errors.js';
import type { AccountId, MailboxId, MessageId, ThreadId } from './model/ids.js';
import type { Mailbox } from './model/mailbox.js';
import { NO_FLAGS, type Message } from './model/message.js';

const accountId = 'acc' as AccountId;
const mailboxId = 'mbx' as MailboxId;

const named = (id: string): Message => ({
  id: id as MessageId,
  accountId,
  mailboxId,
  threadId: 'thr' as ThreadId,
  envelope: emptyEnvelope,
  flags: NO_FLAGS,
  internalDate: new Date(0),
  sizeBytes: 6,
  hasAttachments: false,
  parseWarnings: [],
});

/** A mailbox on a server, in pages of two messages. */
class World {
  mailbox: Mailbox | undefined = {
    id: mailboxId,
    accountId,
    path: 'INBOX',
    subscribed: true,
    selectable: true,
    totalMessages: 0,
    unseenMessages: 0,
    sync: { complete: true, messagesTotal: 0, messagesSynced: 0 },
  };
  messages: Message[] = ['a', 'b', 'c', 'd'].map(named);
  refreshed = 0;
  /** What becomes of a message when it is read; `undefined` leaves it out. */
  read: (message: Message) => RawMessage | undefined = octetsOf;
  storage: Keeper['storage'] = 'SERVER';

  get service(): MailboxExportService {
    const keeper: Partial<Keeper> = { storage: this.storage, openMany: (_mailbox, messages) => this.open(messages) };
    const keepers: Partial<KeeperProvider> = {
      keeperOf: async () => keeper as Keeper,
      refreshMailbox: async () => {
        this.refreshed += 1;
      },
    };
    const mirror: Partial<MirrorStore> = {
      findMailboxes: async () => (this.mailbox ? [this.mailbox] : []),
      findMessages: async (ids) => this.messages.filter(({ id }) => ids.includes(id)),
      listMessages: async ({ page: { after = '' } }) => {
        const left = this.messages.filter(({ id }) => id > after);
        const edges = left.slice(0, 2).map((node) => ({ node, cursor: node.id }));
        return { edges, hasNextPage: left.length > 2, hasPreviousPage: false };
      },
    };
    return new MailboxExportService(mirror as MirrorStore, keepers as KeeperProvider);
  }

  private async *open(messages: readonly Message[]): AsyncGenerator<RawMessage> {
    for (const message of messages) {
      const raw = this.read(message);
      if (raw) yield raw;
    }
  }
}

function octetsOf(message: Message): RawMessage {
  return { message, sizeBytes: message.sizeBytes, octets: [Buffer.from('octets')] };
}

describe('an export', () => {
  let world: World;
  let client: AbortController;
  beforeEach(() => {
    world = new World();
    client = new AbortController();
    jest.useFakeTimers();
    Logger.overrideLogger(false);
  });
  afterEach(() => {
    client.abort();
    jest.useRealTimers();
  });

  /** Ids in the order they came; timers run on while it waits. */
  async function exported(onMessage: (id: string) => void = () => undefined): Promise<string[]> {
    const ids: string[] = [];
    const work = (async () => {
      const { messages } = await world.service.open(mailboxId, client.signal);
      for await (const { message, octets } of messages) {
        const chunks: Buffer[] = [];
        for await (const chunk of octets) chunks.push(chunk);
        ids.push(message.id);
        onMessage(message.id);
      }
      return ids;
    })();
    work.catch(() => undefined);
    await jest.advanceTimersByTimeAsync(60_000);
    return work;
  }

  it('gives every message once, over all pages, after a look at the server', async () => {
    expect(await exported()).toEqual(['a', 'b', 'c', 'd']);
    expect(world.refreshed).toBe(1);
  });

  it('leaves out what is removed meanwhile, or moved', async () => {
    world.read = (message) => (message.id === 'b' || message.id === 'd' ? undefined : octetsOf(message));
    const left = exported((id) => {
      if (id === 'a') world.messages = world.messages.filter((one) => one.id !== 'b');
      if (id === 'c') {
        const elsewhere = 'other' as MailboxId;
        world.messages = world.messages.map((one) => (one.id === 'd' ? { ...one, mailboxId: elsewhere } : one));
      }
    });
    expect(await left).toEqual(['a', 'c']);
  });

  it('reads again what failed, and what had another place, as it is known by then', async () => {
    let failures = 2;
    world.read = (message) => {
      if (message.id === 'b' && failures-- > 0) throw new MailError('CONNECTION_FAILED', 'lost');
      return octetsOf(message);
    };
    expect(await exported()).toEqual(['a', 'b', 'c', 'd']);
  });

  it('ends with an error rather than without a message that is there', async () => {
    world.read = (message) => (message.id === 'c' ? undefined : octetsOf(message));
    await expect(exported()).rejects.toMatchObject({ code: 'SERVER_REJECTED' });
  });

  it('ends with an error when the mailbox is removed, for its messages went with it', async () => {
    const broken = exported((id) => {
      if (id !== 'b') return;
      world.messages = [];
      world.mailbox = undefined;
    });
    await expect(broken).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it.each([5, 7])('ends with an error when a message has %d octets more or less than was said', async (sizeBytes) => {
    world.read = (message) => ({ ...octetsOf(message), sizeBytes });
    await expect(exported()).rejects.toMatchObject({ code: 'SERVER_REJECTED' });
  });

  it('is refused while the mailbox is read for the first time', async () => {
    world.mailbox = { ...world.mailbox!, sync: { complete: false, messagesTotal: 4, messagesSynced: 2 } };
    await expect(exported()).rejects.toMatchObject({ code: 'CONFLICT' });
    world.storage = 'GATEWAY';
    expect(await exported()).toHaveLength(4);
  });

  it('of what holds no messages is empty', async () => {
    world.mailbox = { ...world.mailbox!, selectable: false };
    world.messages = [];
    expect(await exported()).toEqual([]);
    expect(world.refreshed).toBe(0);
  });

  it('is refused while two of the account are running', async () => {
    const { service } = world;
    const first = new AbortController();
    await service.open(mailboxId, first.signal);
    await service.open(mailboxId, client.signal);
    await expect(service.open(mailboxId, client.signal)).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    first.abort();
    await expect(service.open(mailboxId, client.signal)).resolves.toBeDefined();
  });
});
