import type { Pop3Account } from '../../accounts/account.js';
import type { AccountConnection } from '../../mailbox/connection.port.js';
import type { PollResult } from '../../mailbox/model/poll-result.js';
import type { DownloadLedger } from '../../store/download-ledger.port.js';
import { Pop3Client } from '../pop3.client.js';
import { Visit, type VisitResult } from './visit.js';

/** A session that has not ended by then is cut; what it has stored stays, and the next one goes on. */
const sessionMs = 2 * 3_600_000;

export type ProgressListener = (done: number, total: number) => void;

/** Visits one maildrop: as many sessions as the work needs, mostly one. */
export class Downloader {
  /** Given up for this account when a session broke while several replies were due. */
  private pipelining = true;
  private lines: readonly string[] | undefined;

  constructor(
    private readonly account: Pop3Account,
    private readonly connection: AccountConnection,
    private readonly ledger: DownloadLedger,
  ) {}

  /** The CAPA list of the last session; undefined before the first. */
  get capabilities(): readonly string[] | undefined {
    return this.lines;
  }

  async poll(epoch: bigint, onProgress: ProgressListener, signal: AbortSignal): Promise<PollResult> {
    const startedMs = Date.now();
    let sum: Omit<PollResult, 'durationMs'> | undefined;
    for (;;) {
      const { unfinished, ...result } = await this.session(epoch, onProgress, signal);
      // Later sessions of one visit only delete: what they find stored was counted by the first.
      sum = sum ? { ...sum, deletedOnServer: sum.deletedOnServer + result.deletedOnServer } : result;
      if (!unfinished) return { ...sum, durationMs: Date.now() - startedMs };
    }
  }

  private async session(epoch: bigint, onProgress: ProgressListener, signal: AbortSignal): Promise<VisitResult> {
    const { account, connection, ledger, pipelining } = this;
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(sessionMs)]);
    const client = await Pop3Client.connect(connection, { signal: bounded, pipelining });
    try {
      this.lines = client.capabilities?.lines ?? [];
      const context = { accountId: account.id, epoch, policy: account.policy, ledger, onProgress };
      const result = await new Visit(client, context).run();
      // A server that wants a pause between sign-ins gets it: the rest is left to the next poll.
      return { ...result, unfinished: result.unfinished && !client.capabilities?.loginDelaySeconds };
    } catch (error) {
      if (client.failedWhilePipelining) this.pipelining = false;
      throw error;
    } finally {
      client.destroy();
    }
  }
}
