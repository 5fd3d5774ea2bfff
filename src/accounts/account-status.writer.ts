import { Injectable } from '@nestjs/common';
import { notFound } from '../mailbox/mailbox.errors.js';
import type { AccountId } from '../mailbox/model/ids.js';
import { nextStatus, type AccountEvent } from './account-state.js';
import { AccountRepository } from './account.repository.js';

/** Tells what happens to accounts; what state follows is `account-state.ts`'s to say. */
@Injectable()
export class AccountStatusWriter {
  constructor(private readonly repository: AccountRepository) {}

  /**
   * The new status and its row of the change log, in one transaction; an event that changes nothing costs one statement or two.
   * @param epoch of the lease it is told under
   * @throws MailError NOT_FOUND when the account is gone, CONFLICT when another instance has taken it over
   */
  async applyEvent(accountId: AccountId, event: AccountEvent, epoch?: bigint): Promise<void> {
    if (event.kind === 'succeeded' && (await this.repository.confirmWell(accountId, new Date(), epoch))) return;
    const account = await this.repository.findById(accountId);
    if (!account) throw notFound('account');
    if (nextStatus(account.status, event, new Date()) === account.status) return;
    await this.repository.changeStatus(accountId, (status) => nextStatus(status, event, new Date()), epoch);
  }
}
