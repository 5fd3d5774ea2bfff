import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AccountConnections } from '../accounts/account-connections.js';
import { AccountRepository } from '../accounts/account.repository.js';
import { AdapterRegistry } from '../mailbox/adapter-registry.js';
import type { Keeper } from '../mailbox/keeper.port.js';
import { notFound } from '../mailbox/mailbox.errors.js';
import type { AccountId } from '../mailbox/model/ids.js';

interface OpenKeeper {
  readonly keeper: Keeper;
  /** What it was opened with: settings may be changed through another instance. */
  readonly settings: string;
}

/** One keeper an account, shared by the runner and the commands of this instance, so that they share its connections. */
@Injectable()
export class Keepers {
  private readonly opened = new Map<AccountId, OpenKeeper>();

  constructor(
    private readonly repository: AccountRepository,
    private readonly connections: AccountConnections,
    private readonly adapters: AdapterRegistry,
  ) {}

  accounts(): Promise<readonly Account[]> {
    return this.repository.findAll();
  }

  findAccount(id: AccountId): Promise<Account | undefined> {
    return this.repository.findById(id);
  }

  /** @throws MailError NOT_FOUND */
  async accountOf(id: AccountId): Promise<Account> {
    const account = await this.findAccount(id);
    if (!account) throw notFound('account');
    return account;
  }

  async open(account: Account): Promise<Keeper> {
    const settings = JSON.stringify(settingsOf(account));
    const open = this.opened.get(account.id);
    if (open?.settings === settings) return open.keeper;
    const keeper = this.adapters.get(account.protocol).open(account, this.connections.connectionOf(account));
    this.opened.set(account.id, { keeper, settings });
    await open?.keeper.close();
    return keeper;
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

const settingsOf = (account: Account): unknown =>
  account.protocol === 'IMAP' ? [account.server, account.onlyMailboxes] : [account.server, account.policy];
