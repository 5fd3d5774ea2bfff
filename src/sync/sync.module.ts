import { Global, Module } from '@nestjs/common';
import { ACCOUNT_LIFECYCLE } from '../accounts/account-lifecycle.port.js';
import { AccountsModule } from '../accounts/accounts.module.js';
import { KEEPER_PROVIDER, MAILBOX_LOCKS } from '../mailbox/keeper-provider.port.js';
import { MAILBOX_FRESHNESS } from '../mailbox/mailbox-freshness.port.js';
import { AccountLeases } from './account-leases.js';
import { AccountShares } from './account-shares.js';
import { InstanceLease } from './instance-lease.js';
import { InstanceSession } from './instance-session.js';
import { Keepers } from './keepers.js';
import { MailboxRefresher } from './mailbox-refresher.js';
import { MailboxSynchroniser } from './mailbox-synchroniser.js';
import { PostgresMailboxLocks } from './postgres-mailbox-locks.js';
import { RuntimeFactory } from './runtime-factory.js';
import { Supervisor } from './supervisor.js';
import { SyncRequests } from './sync-requests.js';
import { WatchedAccounts } from './watched-accounts.js';

@Global()
@Module({
  imports: [AccountsModule],
  providers: [
    AccountLeases,
    AccountShares,
    InstanceLease,
    InstanceSession,
    Keepers,
    MailboxRefresher,
    MailboxSynchroniser,
    RuntimeFactory,
    Supervisor,
    SyncRequests,
    WatchedAccounts,
    { provide: KEEPER_PROVIDER, useExisting: Supervisor },
    { provide: MAILBOX_FRESHNESS, useExisting: MailboxRefresher },
    { provide: ACCOUNT_LIFECYCLE, useExisting: Supervisor },
    { provide: MAILBOX_LOCKS, useClass: PostgresMailboxLocks },
  ],
  exports: [KEEPER_PROVIDER, MAILBOX_FRESHNESS, ACCOUNT_LIFECYCLE, MAILBOX_LOCKS],
})
export class SyncModule {}
