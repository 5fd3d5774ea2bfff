import { Inject, Injectable } from '@nestjs/common';
import { maySee, requireAccount, requireScope, type Principal } from '../auth/principal.js';
import { uuidV7 } from '../common/uuid.js';
import { invalidInput, isMailError, MailError, notFound } from '../mailbox/mailbox.errors.js';
import type { AccountId } from '../mailbox/model/ids.js';
import type { Page } from '../mailbox/model/search.js';
import { ProtocolLogs } from '../observability/protocol-log.js';
import type { Account, AccountStatus } from './account.js';
import { decodeAccountCursor, encodeAccountCursor } from './account-cursor.js';
import type { AddAccountInput, UpdateAccountInput } from './account-input.js';
import { AccountIntake, type VerifyReport } from './account-intake.js';
import { ACCOUNT_LIFECYCLE, type AccountLifecycle } from './account-lifecycle.port.js';
import { initialStatus, nextStatus } from './account-state.js';
import { AccountStatusWriter } from './account-status.writer.js';
import { AccountRepository, type AccountFilter } from './account.repository.js';
import { LOCAL_MAILBOXES } from './local-mailboxes.js';

export interface AccountListQuery extends Omit<AccountFilter, 'ids'> {
  readonly first: number;
  readonly after?: string;
}

export interface AccountPage extends Page<Account> {
  readonly totalCount: number;
}

const maxLogLines = 1_000;

/** Accounts as callers see and change them. */
@Injectable()
export class AccountService {
  constructor(
    private readonly repository: AccountRepository,
    private readonly intake: AccountIntake,
    private readonly statuses: AccountStatusWriter,
    private readonly protocolLogs: ProtocolLogs,
    @Inject(ACCOUNT_LIFECYCLE) private readonly lifecycle: AccountLifecycle,
  ) {}

  // ---------------------------------------------------------------- reading

  /** In the order of `ids`; undefined where there is none, or the caller may not see it. */
  async findMany(ctx: Principal, ids: readonly AccountId[]): Promise<(Account | undefined)[]> {
    requireReader(ctx);
    const accounts = await this.repository.findByIds(ids.filter((id) => maySee(ctx, id)));
    const byId = new Map(accounts.map((account) => [account.id, account]));
    return ids.map((id) => byId.get(id));
  }

  /** In the order they were added. @throws MailError INVALID_INPUT for a cursor that is not ours */
  async list(ctx: Principal, { first, after, ...filter }: AccountListQuery): Promise<AccountPage> {
    requireReader(ctx);
    const visible = { ...filter, ids: ctx.accountIds };
    const place = after === undefined ? undefined : decodeAccountCursor(after);
    const [accounts, totalCount] = await Promise.all([
      this.repository.page(visible, first + 1, place),
      this.repository.count(visible),
    ]);
    return {
      edges: accounts.slice(0, first).map((node) => ({ cursor: encodeAccountCursor(node), node })),
      hasNextPage: accounts.length > first,
      hasPreviousPage: place !== undefined,
      totalCount,
    };
  }

  async visibleIds(ctx: Principal): Promise<readonly AccountId[]> {
    return (await this.repository.allIds()).filter((id) => maySee(ctx, id));
  }

  /**
   * The newest lines of this instance's connections, oldest first. Where there are fewer than asked for, the first line says since
   * when and of whom, so that nobody takes an instance that does not watch the account for a silent server.
   * @throws MailError FORBIDDEN, NOT_FOUND, INVALID_INPUT
   */
  protocolLog(ctx: Principal, id: AccountId, last: number): readonly string[] {
    requireScope(ctx, 'ADMIN');
    requireAccount(ctx, id);
    if (last < 1 || last > maxLogLines) throw invalidInput(['last'], `last must be from 1 to ${maxLogLines}`);
    const lines = this.protocolLogs.last(id, last);
    if (lines.length === last) return lines;
    return [
      `${this.protocolLogs.since.toISOString()} -: all that this instance has kept; others keep their own`,
      ...lines,
    ];
  }

  // ---------------------------------------------------------------- changing

  /** Signs in first, unless `verify` is false; nothing is saved when that fails. */
  async add(ctx: Principal, input: AddAccountInput): Promise<Account> {
    requireManagerOfAll(ctx);
    const { settings, credentials, verify } = this.intake.take(input);
    await this.repository.assertLoginFree(settings.protocol, settings.server);
    if (verify) requireOk(await this.intake.verify(settings, credentials.supply));
    const id = uuidV7() as AccountId;
    const mailboxes = this.intake.storageOf(settings.protocol) === 'GATEWAY' ? LOCAL_MAILBOXES : [];
    const status = initialStatus(new Date());
    await this.repository.insert({ id, settings, credentials: credentials.current(), status, mailboxes });
    await this.lifecycle.started(id);
    return this.get(id);
  }

  /** Signs in with the given settings and tells what happened; saves nothing. */
  async verify(ctx: Principal, input: AddAccountInput): Promise<VerifyReport> {
    requireManagerOfAll(ctx);
    try {
      const { settings, credentials } = this.intake.take(input);
      return await this.intake.verify(settings, credentials.supply);
    } catch (error) {
      if (!isMailError(error)) throw error;
      return { ok: false, steps: [], serverCapabilities: [], error };
    }
  }

  async update(ctx: Principal, input: UpdateAccountInput): Promise<Account> {
    const account = await this.ofManager(ctx, input.accountId);
    const { id } = account;
    const { settings, credentials, reconnects, verify } = this.intake.takeChange(account, input);
    await this.repository.assertLoginFree(settings.protocol, settings.server, id);
    if (reconnects && verify) {
      requireOk(
        await (credentials
          ? this.intake.verify(settings, credentials.supply)
          : this.intake.verifyStored(account, settings)),
      );
    }
    const concernsWork = Boolean(input.imap ?? input.pop3);
    const status = reconnects ? forgetTrouble : undefined;
    await this.repository.update({ id, settings, credentials: credentials?.current(), status, concernsWork });
    if (concernsWork) await this.lifecycle.changed(id);
    return this.get(id);
  }

  /**
   * Forgets the account and everything stored for it; nothing is deleted on the mail server.
   * @throws MailError INVALID_INPUT where mail would be lost and `deleteStoredMail` is not set
   */
  async remove(ctx: Principal, id: AccountId, { deleteStoredMail }: { deleteStoredMail: boolean }): Promise<void> {
    const { protocol } = await this.ofManager(ctx, id);
    if (!deleteStoredMail && this.intake.storageOf(protocol) === 'GATEWAY' && (await this.repository.holdsMail(id))) {
      throw invalidInput(
        ['input', 'deleteStoredMail'],
        'the messages of this account are stored here and perhaps nowhere else: set deleteStoredMail to delete them too',
      );
    }
    // Paused, nobody takes it up again between its stop and its end.
    await this.statuses.applyEvent(id, { kind: 'paused' });
    await this.lifecycle.stopping(id);
    await this.repository.delete(id);
    this.protocolLogs.forget(id);
  }

  async pause(ctx: Principal, id: AccountId): Promise<Account> {
    return this.switch(ctx, id, 'paused');
  }

  async resume(ctx: Principal, id: AccountId): Promise<Account> {
    return this.switch(ctx, id, 'resumed');
  }

  private async switch(ctx: Principal, id: AccountId, kind: 'paused' | 'resumed'): Promise<Account> {
    await this.ofManager(ctx, id);
    await this.statuses.applyEvent(id, { kind });
    await this.lifecycle.changed(id);
    return this.get(id);
  }

  private async ofManager(ctx: Principal, id: AccountId): Promise<Account> {
    requireScope(ctx, 'ACCOUNTS');
    requireAccount(ctx, id);
    return this.get(id);
  }

  private async get(id: AccountId): Promise<Account> {
    const account = await this.repository.findById(id);
    if (!account) throw notFound('account');
    return account;
  }
}

const forgetTrouble = (status: AccountStatus): AccountStatus =>
  nextStatus(status, { kind: 'settingsChanged' }, new Date());

function requireReader(ctx: Principal): void {
  if (!ctx.scopes.includes('ACCOUNTS')) requireScope(ctx, 'READ');
}

/** A caller that is kept to some accounts could not see the one it adds. */
function requireManagerOfAll(ctx: Principal): void {
  requireScope(ctx, 'ACCOUNTS');
  if (ctx.accountIds) throw new MailError('FORBIDDEN', 'this key is for certain accounts only and cannot add others');
}

function requireOk({ error }: VerifyReport): void {
  if (error) throw error;
}
