import { DataSource } from 'typeorm';
import type { Pop3Account, Pop3Policy } from '../../src/accounts/account.js';
import type { GatewayKeeper } from '../../src/mailbox/keeper.port.js';
import { changePosition, type AccountId } from '../../src/mailbox/model/ids.js';
import type { Message } from '../../src/mailbox/model/message.js';
import type { PollResult } from '../../src/mailbox/model/poll-result.js';
import { Pop3Adapter } from '../../src/pop3/pop3.adapter.js';
import type { LedgerRow } from '../../src/store/download-ledger.port.js';
import { PostgresDownloadLedger } from '../../src/store/postgres-download-ledger.repository.js';
import { PostgresMirrorStore } from '../../src/store/postgres-mirror.store.js';
import { insertAccount } from '../factories/stored-account.js';
import { createTestDatabase, type TestDatabase } from '../servers/postgres.js';

/** Where the maildrop is. */
export interface Pop3Place {
  readonly port: number;
  readonly security?: 'TLS' | 'NONE';
  readonly username?: string;
  readonly extraCa?: string;
}

/** A database of its own with what POP3 accounts need. */
export class Pop3Store {
  private constructor(
    private readonly database: TestDatabase,
    readonly dataSource: DataSource,
    readonly mirror: PostgresMirrorStore,
    readonly ledger: PostgresDownloadLedger,
  ) {}

  static async create(): Promise<Pop3Store> {
    const database = await createTestDatabase();
    const dataSource = await new DataSource({ type: 'postgres', url: database.url }).initialize();
    return new Pop3Store(
      database,
      dataSource,
      new PostgresMirrorStore(dataSource),
      new PostgresDownloadLedger(dataSource),
    );
  }

  async account(place: Pop3Place): Promise<Pop3TestAccount> {
    const id = await insertAccount(this.dataSource, 'POP3');
    await this.mirror.write(id, (tx) =>
      tx.insertMailbox({ path: 'INBOX', specialUse: 'INBOX', subscribed: true, selectable: true, complete: false }),
    );
    return new Pop3TestAccount(this, id, place);
  }

  async close(): Promise<void> {
    await this.dataSource.destroy();
    await this.database.drop();
  }
}

/** One account, its visits, and what they have stored. */
export class Pop3TestAccount {
  constructor(
    private readonly store: Pop3Store,
    readonly id: AccountId,
    private readonly place: Pop3Place,
  ) {}

  private settings(policy: Partial<Pop3Policy>, patch: Partial<Pop3Account>, place: Pop3Place): Pop3Account {
    const { port, security = 'NONE', username = 'ann' } = place;
    return {
      id: this.id,
      name: 'a',
      protocol: 'POP3',
      server: { host: 'localhost', port, security, username, authentication: 'PASSWORD' },
      status: { state: 'ONLINE', since: new Date() },
      changePosition: changePosition(0),
      version: 0n,
      createdAt: new Date(),
      policy: { afterDownload: 'KEEP', deleteWhenExpunged: false, pollIntervalSeconds: 300, ...policy },
      poll: {},
      ...patch,
    };
  }

  /** Remembers between visits what a running gateway would. */
  keeper(policy: Partial<Pop3Policy> = {}, patch: Partial<Pop3Account> = {}, place = this.place): GatewayKeeper {
    const account = this.settings(policy, patch, place);
    const { server } = account;
    const keeper = new Pop3Adapter(this.store.mirror, this.store.ledger).open(account, {
      ...server,
      accountId: this.id,
      secret: async () => ({ kind: 'password', password: 'secret' }),
      resolve: async () => ({ host: server.host, port: server.port, addresses: ['127.0.0.1'] }),
      extraCa: place.extraCa,
    });
    if (keeper.storage !== 'GATEWAY') throw new Error('a POP3 account is kept here');
    return keeper;
  }

  /** A visit as the runner makes it: what it found is remembered, so that the next one is not the first. */
  async poll(keeper: GatewayKeeper | Partial<Pop3Policy> = {}): Promise<PollResult> {
    const visited = 'poll' in keeper ? keeper : this.keeper(keeper);
    const result = await visited.poll(0n, () => undefined, new AbortController().signal);
    await this.store.mirror.write(this.id, (tx) => tx.setPoll({ lastPollAt: new Date(), lastPoll: result }));
    return result;
  }

  async stored(): Promise<readonly Message[]> {
    const order = { field: 'RECEIVED_AT', direction: 'ASC' } as const;
    const page = { first: 10_000 };
    const { edges } = await this.store.mirror.listMessages({ accountIds: [this.id], filter: {}, order, page });
    return edges.map(({ node }) => node);
  }

  async subjects(): Promise<readonly string[]> {
    return (await this.stored()).map(({ envelope }) => envelope.subject ?? '').toSorted();
  }

  async octetsOf({ contentId }: Message): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of this.store.mirror.readContent(this.id, contentId!)) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  /** Deletes for good, here. */
  async purge(subject: string): Promise<void> {
    const gone = (await this.stored()).filter(({ envelope }) => envelope.subject === subject);
    await this.store.mirror.write(this.id, (tx) => tx.removeMessages(gone.map(({ id }) => id)));
  }

  async ledger(): Promise<readonly LedgerRow[]> {
    return (await this.store.ledger.load(this.id, 0n)).rows;
  }
}
