import { randomUUID } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { backoffMs } from '../common/backoff.js';
import { sleep } from '../common/sleep.js';
import { isMailError, MailError, notFound } from '../mailbox/mailbox.errors.js';
import type { ErrorCode } from '../mailbox/model/error-code.js';
import type { AccountId } from '../mailbox/model/ids.js';
import type { PollResult } from '../mailbox/model/poll-result.js';
import { InstanceSession } from './instance-session.js';

/** Channel on which instances hear that an account is to be synchronised; the payload is its id. */
export const SYNC_CHANNEL = 'mailroom_sync';

/** How soon, and at last how often, the outcome is looked for: most take a moment, a large maildrop takes minutes. */
const lookAgain = { firstMs: 50, maxMs: 1_000 };
/** Left behind by an instance that died while it asked. */
const oldAfter = '30 minutes';

type Outcome =
  | { readonly poll?: PollResult }
  | { readonly error: { code: ErrorCode; message: string; retryable: boolean; retryAfterMs?: number } };

interface OutcomeRow {
  readonly paused: boolean;
  readonly outcome: Outcome | null;
}

/** Who watches accounts on this instance. */
interface Worker {
  watches(accountId: AccountId): boolean;
  syncNow(accountId: AccountId): Promise<PollResult | undefined>;
}

/**
 * "Look for news now", asked of whichever instance watches the account, through a row: who takes the account over meanwhile finds
 * it there, too.
 */
@Injectable()
export class SyncRequests {
  private readonly log = new Logger(SyncRequests.name);
  private readonly working = new Set<string>();

  constructor(private readonly session: InstanceSession) {}

  /** @throws MailError what the other instance threw; TIMEOUT when `signal` aborts before it answers */
  async ask(accountId: AccountId, signal: AbortSignal): Promise<PollResult | undefined> {
    const id = randomUUID();
    await this.session.query(
      `WITH asked AS (INSERT INTO sync_request (id, account_id) VALUES ($1, $2) RETURNING account_id)
       SELECT pg_notify($3, account_id::text) FROM asked`,
      [id, accountId, SYNC_CHANNEL],
    );
    try {
      return await this.outcomeOf(id, signal);
    } finally {
      await this.session.query('DELETE FROM sync_request WHERE id = $1', [id]).catch(() => undefined);
    }
  }

  /** Begins what was asked of this instance's accounts and is not being done yet. */
  async answer(worker: Worker): Promise<void> {
    await this.session.query(`DELETE FROM sync_request WHERE asked_at < now() - interval '${oldAfter}'`);
    const open = await this.session.query<{ id: string; account_id: AccountId }>(
      `SELECT r.id, r.account_id FROM sync_request r JOIN account a ON a.id = r.account_id
       WHERE a.owner = $1 AND r.outcome IS NULL`,
      [this.session.id],
    );
    for (const { id, account_id: accountId } of open) {
      if (worker.watches(accountId) && !this.working.has(id)) void this.answerOne(id, accountId, worker);
    }
  }

  private async answerOne(id: string, accountId: AccountId, worker: Worker): Promise<void> {
    this.working.add(id);
    try {
      const outcome = await this.perform(accountId, worker);
      // Whoever has taken the account over in the middle finds the request, and does it again.
      if (!worker.watches(accountId)) return;
      await this.session.query('UPDATE sync_request SET outcome = $2 WHERE id = $1', [id, JSON.stringify(outcome)]);
    } catch (error) {
      this.log.warn({ accountId, reason: String(error) }, 'a request of another instance was not answered');
    } finally {
      this.working.delete(id);
    }
  }

  private async perform(accountId: AccountId, worker: Worker): Promise<Outcome> {
    try {
      return { poll: await worker.syncNow(accountId) };
    } catch (error) {
      if (!isMailError(error)) this.log.error({ accountId, error }, 'account could not be synchronised on demand');
      const known = isMailError(error) ? error : new MailError('INTERNAL', 'a fault of the gateway; see its log');
      const { code, message, retryable, retryAfterMs } = known;
      return { error: { code, message, retryable, retryAfterMs } };
    }
  }

  private async outcomeOf(id: string, signal: AbortSignal): Promise<PollResult | undefined> {
    for (let looks = 1; !signal.aborted; looks += 1) {
      await sleep(backoffMs(lookAgain, looks), signal);
      const outcome = await this.look(id);
      if (outcome && 'error' in outcome) throw new MailError(outcome.error.code, outcome.error.message, outcome.error);
      if (outcome) return outcome.poll;
    }
    throw new MailError('TIMEOUT', 'the instance of the gateway that watches this account did not answer in time');
  }

  private async look(id: string): Promise<Outcome | undefined> {
    const [row] = await this.session.query<OutcomeRow>(
      `SELECT r.outcome, a.state = 'PAUSED' AS paused FROM sync_request r JOIN account a ON a.id = r.account_id
       WHERE r.id = $1`,
      [id],
    );
    if (!row) throw notFound('account');
    if (row.paused) throw new MailError('CONFLICT', 'the account was paused meanwhile');
    return row.outcome ?? undefined;
  }
}
