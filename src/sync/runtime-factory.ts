import { Inject, Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import type { AccountEvent } from '../accounts/account-state.js';
import { AccountStatusWriter } from '../accounts/account-status.writer.js';
import type { Keeper } from '../mailbox/keeper.port.js';
import type { MailError } from '../mailbox/mailbox.errors.js';
import type { AccountId } from '../mailbox/model/ids.js';
import type { AccountCapabilities } from '../mailbox/model/protocol.js';
import { MESSAGE_STRUCTURES, type MessageStructures } from '../store/message-structures.port.js';
import { MIRROR_STORE, type MirrorStore } from '../store/mirror.port.js';
import type { AccountRunner, RunnerEvent } from './account-runner.js';
import { AccountRuntime, type RuntimeEvents } from './account-runtime.js';
import { GatewayAccountRunner } from './gateway-account.runner.js';
import { Keepers } from './keepers.js';
import { MailboxSynchroniser } from './mailbox-synchroniser.js';
import { ServerAccountRunner } from './server-account.runner.js';

/** Puts together what runs one account. */
@Injectable()
export class RuntimeFactory {
  constructor(
    private readonly keepers: Keepers,
    private readonly synchroniser: MailboxSynchroniser,
    private readonly statuses: AccountStatusWriter,
    @Inject(MIRROR_STORE) private readonly mirror: MirrorStore,
    @Inject(MESSAGE_STRUCTURES) private readonly structures: MessageStructures,
  ) {}

  async start(account: Account, epoch: bigint, leaseLost: () => void): Promise<AccountRuntime> {
    const keeper = await this.keepers.open(account);
    const runner = this.runner(account, keeper, epoch);
    return new AccountRuntime(account.id, runner, new StatusEvents(this.statuses, account.id, epoch, leaseLost));
  }

  private runner(account: Account, keeper: Keeper, epoch: bigint): AccountRunner {
    const { mirror, structures, synchroniser } = this;
    const status = this.reporter(account, keeper, epoch);
    if (keeper.storage === 'SERVER') {
      return new ServerAccountRunner({ accountId: account.id, keeper, epoch, synchroniser, mirror, status });
    }
    if (account.protocol !== 'POP3') throw new Error('only POP3 accounts are kept in the gateway');
    return new GatewayAccountRunner({ account, keeper, epoch, mirror, structures, status });
  }

  private reporter({ id }: Account, keeper: Keeper, epoch: bigint): (event: RunnerEvent) => Promise<void> {
    let told: AccountCapabilities | undefined;
    return async (event) => {
      await this.statuses.applyEvent(id, { kind: event }, epoch);
      const { capabilities } = keeper;
      if (!capabilities || capabilities === told) return;
      const isNews = JSON.stringify(capabilities) !== JSON.stringify(told);
      if (isNews) await this.mirror.write(id, (tx) => tx.setCapabilities(capabilities), { epoch });
      told = capabilities;
    };
  }
}

/** What happens to an account becomes its status. */
class StatusEvents implements RuntimeEvents {
  constructor(
    private readonly statuses: AccountStatusWriter,
    private readonly id: AccountId,
    private readonly epoch: bigint,
    readonly leaseLost: () => void,
  ) {}

  connecting(): Promise<void> {
    return this.tell({ kind: 'connecting' });
  }

  failed(error: MailError, nextAttemptAt?: Date): Promise<void> {
    return this.tell({ kind: 'failed', error, nextAttemptAt });
  }

  postponed(error: MailError, nextAttemptAt: Date): Promise<void> {
    return this.tell({ kind: 'postponed', error, nextAttemptAt });
  }

  private tell(event: AccountEvent): Promise<void> {
    return this.statuses.applyEvent(this.id, event, this.epoch);
  }
}
