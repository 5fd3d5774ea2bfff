import type { Pop3Account } from '../../accounts/account.js';
import type { AccountConnection } from '../../mailbox/connection.port.js';
import type { PollResult } from '../../mailbox/model/poll-result.js';
import type { DownloadLedger } from '../../store/download-ledger.port.js';
import { Pop3Client } from '../pop3.client.js';
import { Visit } from './visit.js';

/** Only against a server that trickles for ever: each octet has its own deadline, and a large message may take many hours. */
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
      const { again, result } = await this.session(epoch, onProgress, signal);
      sum = sum ? add(sum, result) : result;
      if (!again) return { ...sum, durationMs: Date.now() - startedMs };
    }
  }

  private async session(
    epoch: bigint,
    onProgress: ProgressListener,
    signal: AbortSignal,
  ): Promise<{ again: boolean; result: Omit<PollResult, 'durationMs'> }> {
    const { account, connection, ledger, utf8 } = this;
    const careful = Date.now() < this.carefulUntilMs;
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(sessionMs)]);
    const client = await Pop3Client.connect(connection, { signal: bounded, pipelining: !careful, utf8 });
    this.lines = client.capabilities?.lines ?? [];
    const { id: accountId, policy } = account;
    const visit = new Visit(client, { accountId, epoch, policy, ledger, useTop: !careful, onProgress });
    try {
      const { unfinished, needsUtf8, ...result } = await visit.run();
      return { again: this.wantsAnother(client, unfinished, needsUtf8), result };
    } catch (error) {
      const ours = !client.failure || client.failure.failure === 'aborted';
      if (!ours && (client.failedWhilePipelining || visit.usingTop)) this.carefulUntilMs = Date.now() + carefulMs;
      throw error;
    } finally {
      client.destroy();
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

/** What later sessions of one visit find stored or skipped was counted by the first. */
const add = (sum: Counts, { downloaded, deletedOnServer, skipped, bytes }: Counts): Counts => ({
  downloaded: sum.downloaded + downloaded,
  alreadyStored: sum.alreadyStored,
  deletedOnServer: sum.deletedOnServer + deletedOnServer,
  skipped,
  bytes: sum.bytes + bytes,
});
