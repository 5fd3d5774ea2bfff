import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AccountConnections } from '../accounts/account-connections.js';
import { AccountRepository } from '../accounts/account.repository.js';
import { AdapterRegistry } from '../mailbox/adapter-registry.js';
import type { Keeper } from '../mailbox/keeper.port.js';
import { notFound } from '../mailbox/mailbox.errors.js';
import type { AccountId } from '../mailbox/model/ids.js';
import { AccountShares } from './account-shares.js';

interface OpenKeeper {
  readonly keeper: Keeper;
  /** Of the account that it was opened for. */
  readonly version: bigint;
}

/** One keeper an account, shared by the runner and the commands of this instance, so that they share its connections. */
@Injectable()
export class Keepers {
  private readonly opened = new Map<AccountId, OpenKeeper>();

  constructor(
    private readonly repository: AccountRepository,
    private readonly connections: AccountConnections,
    private readonly adapters: AdapterRegistry,
    private readonly shares: AccountShares,
  ) {}

  findAccount(id: AccountId): Promise<Account | undefined> {
    return this.repository.findById(id);
  }

  /** @throws MailError NOT_FOUND */
  async accountOf(id: AccountId): Promise<Account> {
    const account = await this.findAccount(id);
    if (!account) throw notFound('account');
    return account;
  }

  /** The one that is open, unless the account has changed since. */
  async open(account: Account): Promise<Keeper> {
    const { id, version } = account;
    const open = this.opened.get(id);
    if (open && open.version >= version) return open.keeper;
    const connection = { ...this.connections.connectionOf(account), shares: this.shares.of(id) };
    const keeper = this.adapters.get(account.protocol).open(account, connection);
    this.opened.set(id, { keeper, version });
    await open?.keeper.close();
    return keeper;
  }

  /** Where the account has changed since, or is gone. */
  async closeOutdated(id: AccountId, version: bigint | undefined): Promise<void> {
    const open = this.opened.get(id);
    if (open && (version === undefined || open.version < version)) await this.close(id);
  }

  /** Of whom a keeper is open here, whoever watches the account. */
  get openFor(): readonly AccountId[] {
    return [...this.opened.keys()];
  }

  async close(id: AccountId): Promise<void> {
    const open = this.opened.get(id);
    this.opened.delete(id);
    await open?.keeper.close();
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.opened.keys()].map((id) => this.close(id)));
  }
}
