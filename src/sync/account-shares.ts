import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { sleep } from '../common/sleep.js';
import type { ConnectionShare, ConnectionShares } from '../mailbox/connection-shares.port.js';
import { isMailError, MailError } from '../mailbox/mailbox.errors.js';
import type { AccountId } from '../mailbox/model/ids.js';
import { Notifications } from '../store/notifications.js';
import { InstanceSession } from './instance-session.js';

/** Channel on which an instance asks for an account's extra connection; the payload is `instanceId:accountId`. */
const WANTED_CHANNEL = 'mailroom_wanted';

const patienceMs = 30_000;
const askAgainMs = 150;
/** Who gave it up, or hears that somebody asks, leaves it to others for so long: they only look now and then. */
const courtesyMs = 500;

/** Taken where it is free, this instance's already, or that of an instance whose lease is over. */
const TAKE = `
  INSERT INTO extra_connection AS e (account_id, instance_id)
  SELECT a.id, i.id FROM account a, instance i WHERE a.id = $2 AND i.id = $1 AND i.lease_until > now()
  ON CONFLICT (account_id) DO UPDATE SET instance_id = excluded.instance_id
  WHERE e.instance_id = $1 OR NOT EXISTS (SELECT FROM instance i WHERE i.id = e.instance_id AND i.lease_until > now())
  RETURNING account_id`;

/**
 * How instances share what connections an account may have: whoever watches it has one for commands beside the watching one, and
 * one more is that instance's which took it last. An instance that has none asks for it, and gets it when the command that runs on
 * it is done; the owner of the account takes it only where nobody else has it.
 */
@Injectable()
export class AccountShares implements OnModuleInit {
  private readonly log = new Logger(AccountShares.name);
  private readonly owned = new Set<AccountId>();
  private readonly ownInUse = new Set<AccountId>();
  private readonly extras = new Map<AccountId, ExtraShare>();
  /** Until when it is left to others, by the clock of `performance.now`. */
  private readonly leftUntilMs = new Map<AccountId, number>();

  constructor(
    private readonly session: InstanceSession,
    private readonly notifications: Notifications,
  ) {}

  onModuleInit(): void {
    this.notifications.on(WANTED_CHANNEL, (payload = '') => {
      const [by, id] = payload.split(':') as [string, AccountId | undefined];
      if (id !== undefined && by !== this.session.id) this.wanted(id);
    });
  }

  private wanted(id: AccountId): void {
    if (this.ownInUse.has(id) || this.extras.get(id)?.isObtained) this.leave(id);
    const extra = this.extras.get(id);
    // A row that is left from a time when the database could not be reached.
    if (!extra) void this.deleteRow(id);
    else extra.want();
  }

  setOwned(id: AccountId, owned: boolean): void {
    if (owned) this.owned.add(id);
    else this.owned.delete(id);
  }

  of(id: AccountId): ConnectionShares {
    return { take: (patient, signal) => this.take(id, patient, signal) };
  }

  private async take(id: AccountId, patient: boolean, signal: AbortSignal): Promise<ConnectionShare | undefined> {
    for (;;) {
      const own = this.takeOwn(id);
      if (own) return own;
      const held = this.extras.get(id);
      if (!held) return this.takeExtra(id, patient, signal);
      if (!patient) return undefined;
      await sleep(patienceMs, signal, held.over);
      if (signal.aborted) throw givenUp(signal);
    }
  }

  private async takeExtra(id: AccountId, patient: boolean, signal: AbortSignal): Promise<ConnectionShare | undefined> {
    const extra = new ExtraShare(() => void this.giveBack(id, extra));
    this.extras.set(id, extra);
    try {
      if (await this.tryTake(id)) return extra.obtained();
      if (patient) return await this.waitFor(id, extra, signal);
    } catch (error) {
      this.forget(id, extra);
      // Whoever has another connection need not hear that the database was away for a moment.
      if (patient) throw error;
    }
    this.forget(id, extra);
    return undefined;
  }

  private takeOwn(id: AccountId): ConnectionShare | undefined {
    if (!this.owned.has(id) || this.ownInUse.has(id)) return undefined;
    this.ownInUse.add(id);
    return { onWanted: () => undefined, release: () => this.ownInUse.delete(id) };
  }

  private async waitFor(id: AccountId, extra: ExtraShare, signal: AbortSignal): Promise<ExtraShare> {
    const either = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]);
    while (!either.aborted) {
      await this.session.query('SELECT pg_notify($1, $2)', [WANTED_CHANNEL, `${this.session.id}:${id}`]);
      await sleep(askAgainMs * (0.5 + Math.random()), either);
      if (await this.tryTake(id)) return extra.obtained();
    }
    if (signal.aborted) throw givenUp(signal);
    throw new MailError('RATE_LIMITED', 'other instances of the gateway use all connections of this account', {
      retryAfterMs: 1_000,
    });
  }

  private leave(id: AccountId): void {
    this.leftUntilMs.set(id, performance.now() + courtesyMs);
  }

  private isLeft(id: AccountId): boolean {
    const isLeft = performance.now() < (this.leftUntilMs.get(id) ?? 0);
    if (!isLeft) this.leftUntilMs.delete(id);
    return isLeft;
  }

  private async tryTake(id: AccountId): Promise<boolean> {
    if (this.isLeft(id)) return false;
    return (await this.session.query(TAKE, [this.session.id, id])).length > 0;
  }

  private async giveBack(id: AccountId, extra: ExtraShare): Promise<void> {
    await this.deleteRow(id);
    this.forget(id, extra);
  }

  private async deleteRow(id: AccountId): Promise<void> {
    try {
      const sql = 'DELETE FROM extra_connection WHERE account_id = $2 AND instance_id = $1';
      await this.session.query(sql, [this.session.id, id]);
    } catch (error) {
      this.log.debug({ accountId: id, reason: String(error) }, 'connection not given back yet');
    }
  }

  private forget(id: AccountId, extra: ExtraShare): void {
    this.extras.delete(id);
    extra.end();
  }
}

class ExtraShare implements ConnectionShare {
  isObtained = false;
  private wanted = false;
  private listener: (() => void) | undefined;
  private released = false;
  private readonly ending = new AbortController();

  constructor(private readonly giveBack: () => void) {}

  /** Aborted when it can be taken again. */
  get over(): AbortSignal {
    return this.ending.signal;
  }

  end(): void {
    this.ending.abort();
  }

  obtained(): this {
    this.isObtained = true;
    return this;
  }

  /** Whoever asks does so again and again: what is not there yet need not be promised. */
  want(): void {
    if (!this.isObtained) return;
    this.wanted = true;
    this.listener?.();
  }

  onWanted(listener: () => void): void {
    this.listener = listener;
    if (this.wanted) listener();
  }

  release(): void {
    if (!this.released) this.giveBack();
    this.released = true;
  }
}

const givenUp = ({ reason }: AbortSignal): MailError =>
  isMailError(reason)
    ? reason
    : new MailError('TIMEOUT', 'no connection of the account became free', { cause: reason });
