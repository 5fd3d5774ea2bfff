import { withDeadline } from '../../common/linked-abort.js';
import type { Pop3Account } from '../../accounts/account.js';
import type { AccountConnection } from '../../mailbox/connection.port.js';
import type { PollResult } from '../../mailbox/model/poll-result.js';
import type { DownloadLedger } from '../../store/download-ledger.port.js';
import { parseCapabilities } from '../capabilities.js';
import { Pop3Client } from '../pop3.client.js';
import { isMailError, MailError } from '../../mailbox/mailbox.errors.js';
import { loginPauseMs } from '../pop3.errors.js';
import { BareRefusals } from './bare-refusals.js';
import { Visit, type VisitResult } from './visit.js';

/** The last resort: each reply has its own deadline, and a large message may take many hours. */
const sessionMs = 24 * 3_600_000;

/** After a session that broke while several replies were due, or over TOP: some servers announce more than they can. */
const carefulMs = 6 * 3_600_000;

export type ProgressListener = (done: number, total: number) => void;

/** Visits one maildrop: as many sessions as the work needs, mostly one. */
export class Downloader {
  /** Until then one command at a time, and no TOP. */
  private carefulUntilMs = 0;
  /** Only for servers that refuse a message without it. */
  private utf8 = false;
  private lines: readonly string[] | undefined;
  /** Kept while this instance watches the account: after a restart the ledger is asked once more. */
  private settledListing: string | undefined;
  private readonly bareRefusals = new BareRefusals();
  private notBeforeMs: number;

  constructor(
    private readonly account: Pop3Account,
    private readonly connection: AccountConnection,
    private readonly ledger: DownloadLedger,
  ) {
    this.notBeforeMs = pauseEndMs(account);
  }

  /** The CAPA list of the last session; undefined before the first. */
  get capabilities(): readonly string[] | undefined {
    return this.lines;
  }

  async poll(epoch: bigint, onProgress: ProgressListener, signal: AbortSignal): Promise<PollResult> {
    const startedMs = Date.now();
    this.checkPause(startedMs);
    let sum: Counts | undefined;
    for (let again = true; again;) {
      const visit = withDeadline(signal, sessionMs, (both) => this.session(epoch, onProgress, both));
      const session: SessionResult = await visit.catch((error: unknown) => {
        if (!sum || !isToldToWait(error)) throw error;
        // What the first session did is done; the rest is the next poll's.
        return { again: false, result: { ...sum, downloaded: 0, deletedOnServer: 0, bytes: 0 } };
      });
      again = session.again;
      sum = sum ? add(sum, session.result) : session.result;
    }
    return { ...sum!, durationMs: Date.now() - startedMs };
  }

  /** @throws MailError RATE_LIMITED rather than sign in sooner than the server has asked for */
  private checkPause(nowMs: number): void {
    const retryAfterMs = this.notBeforeMs - nowMs;
    if (retryAfterMs <= 0) return;
    throw new MailError('RATE_LIMITED', 'the mail server wants a pause between sign-ins (LOGIN-DELAY)', {
      retryAfterMs,
    });
  }

  private async session(epoch: bigint, onProgress: ProgressListener, signal: AbortSignal): Promise<SessionResult> {
    const { account, ledger } = this;
    const careful = Date.now() < this.carefulUntilMs;
    const client = await this.connect(careful, signal);
    this.lines = client.capabilities?.lines ?? [];
    const { id: accountId, policy } = account;
    const { settledListing } = this;
    const context = { accountId, epoch, policy, ledger, useTop: !careful, settledListing, onProgress };
    const visit = new Visit(client, context);
    try {
      const { unfinished, needsUtf8, settledListing: settled, ...result } = await visit.run();
      this.settledListing = settled;
      return { again: this.wantsAnother(client, unfinished, needsUtf8), result };
    } catch (error) {
      const ours = !client.failure || client.failure.failure === 'aborted';
      if (!ours && (client.failedWhilePipelining || visit.usingTop)) this.carefulUntilMs = Date.now() + carefulMs;
      throw error;
    } finally {
      client.destroy();
      this.notBeforeMs = Date.now() + loginPauseMs(client.capabilities?.loginDelaySeconds ?? 0);
    }
  }

  private async connect(careful: boolean, signal: AbortSignal): Promise<Pop3Client> {
    try {
      const client = await Pop3Client.connect(this.connection, { signal, pipelining: !careful, utf8: this.utf8 });
      this.bareRefusals.clear();
      return client;
    } catch (error) {
      throw this.bareRefusals.judge(error, Date.now());
    }
  }

  /** A server that wants a pause between sign-ins gets it: the rest is left to the next poll. */
  private wantsAnother({ capabilities }: Pop3Client, unfinished: boolean, needsUtf8: boolean): boolean {
    const askForUtf8 = needsUtf8 && !this.utf8 && capabilities?.utf8 === true;
    this.utf8 ||= askForUtf8;
    return (unfinished || askForUtf8) && !capabilities?.loginDelaySeconds;
  }
}

type Counts = Omit<PollResult, 'durationMs'>;

interface SessionResult {
  readonly again: boolean;
  readonly result: Omit<VisitResult, 'unfinished' | 'needsUtf8' | 'settledListing'>;
}

const isToldToWait = (error: unknown): boolean =>
  isMailError(error) && (error.code === 'RATE_LIMITED' || error.code === 'MAILDROP_LOCKED');

/** What later sessions of one visit find stored was counted by the first; what they skip is what is skipped. */
const add = (sum: Counts, later: Counts): Counts => ({
  ...later,
  downloaded: sum.downloaded + later.downloaded,
  alreadyStored: sum.alreadyStored,
  deletedOnServer: sum.deletedOnServer + later.deletedOnServer,
  bytes: sum.bytes + later.bytes,
});

/** After a restart too a server gets the pause that it asked for. */
function pauseEndMs({ capabilities, poll }: Pop3Account): number {
  const { loginDelaySeconds } = parseCapabilities(capabilities?.server ?? []);
  return poll.lastPollAt && loginDelaySeconds ? poll.lastPollAt.getTime() + loginPauseMs(loginDelaySeconds) : 0;
}
