import type { Pop3Account } from '../accounts/account.js';
import { sleep } from '../common/sleep.js';
import { KeyedMutex } from '../common/keyed-mutex.js';
import type { GatewayKeeper } from '../mailbox/keeper.port.js';
import type { PollResult } from '../mailbox/model/poll-result.js';
import type { SyncProgress } from '../mailbox/model/mailbox.js';
import type { MessageStructures } from '../store/message-structures.port.js';
import type { MirrorStore, MirrorTransaction } from '../store/mirror.port.js';
import type { AccountRunner, StatusReporter } from './account-runner.js';

/** Up to a tenth later, so that accounts added together do not poll together. */
const jitter = 0.1;
/** Of what the server asks for: its clock is not ours. */
const pauseMargin = 1.1;
const progressEveryMs = 500;

export interface GatewayAccountDependencies {
  readonly account: Pop3Account;
  readonly keeper: GatewayKeeper;
  readonly epoch: bigint;
  readonly mirror: MirrorStore;
  readonly structures: MessageStructures;
  readonly status: StatusReporter;
}

/** Visits one POP3 maildrop at its interval. One visit at a time: the server would refuse a second one. */
export class GatewayAccountRunner implements AccountRunner {
  private readonly lock = new KeyedMutex<'visit'>();
  private nextPollAtMs = 0;
  /** A message came in, or a visit ended well. */
  readonly visits = { lastProgressMs: 0 };

  constructor(private readonly context: GatewayAccountDependencies) {}

  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      await sleepUntil(() => this.nextPollAtMs, signal);
      if (signal.aborted) return;
      await this.syncNow(signal);
    }
  }

  syncNow(signal: AbortSignal): Promise<PollResult> {
    return this.lock.run('visit', async () => {
      const progress = new ProgressWriter((done, total) => this.saveProgress(done, total));
      const result = await this.visit(progress, signal);
      await this.remember(result);
      await this.context.status('succeeded');
      return result;
    });
  }

  private async visit(progress: ProgressWriter, signal: AbortSignal): Promise<PollResult> {
    try {
      const { keeper, epoch } = this.context;
      let before: number | undefined;
      const onProgress = (done: number, total: number): void => {
        before ??= done;
        if (done > before) this.visits.lastProgressMs = Date.now();
        progress.set(done, total);
      };
      return await keeper.poll(epoch, onProgress, signal);
    } finally {
      // Not during the visit: a mail server may end one that takes long, and waits for nobody's MIME.
      this.context.structures.readSoon(this.context.account.id);
      await progress.end();
    }
  }

  private async remember(lastPoll: PollResult): Promise<void> {
    const { account } = this.context;
    const now = Date.now();
    this.visits.lastProgressMs = now;
    const pauseSeconds = Math.max(account.policy.pollIntervalSeconds, (lastPoll.pauseSeconds ?? 0) * pauseMargin);
    this.nextPollAtMs = now + pauseSeconds * 1000 * (1 + Math.random() * jitter);
    await this.write(async (tx) => {
      await tx.setPoll({ lastPollAt: new Date(now), nextPollAt: new Date(this.nextPollAtMs), lastPoll });
      const stored = lastPoll.downloaded + lastPoll.alreadyStored;
      await saveInboxProgress(tx, {
        complete: true,
        messagesTotal: stored + lastPoll.skipped,
        messagesSynced: stored,
        lastSyncAt: new Date(now),
      });
    });
  }

  private async saveProgress(done: number, total: number): Promise<void> {
    // Only now is it known that the server lets us in and has something for us.
    await this.context.status('synchronising');
    const progress = { complete: done >= total, messagesTotal: total, messagesSynced: done, lastSyncAt: new Date() };
    await this.write((tx) => saveInboxProgress(tx, progress));
  }

  private write(work: (tx: MirrorTransaction) => Promise<void>): Promise<void> {
    const { account, mirror, epoch } = this.context;
    return mirror.write(account.id, work, { epoch });
  }
}

async function saveInboxProgress(tx: MirrorTransaction, progress: SyncProgress): Promise<void> {
  const inbox = (await tx.mailboxes()).find(({ specialUse }) => specialUse === 'INBOX');
  if (inbox) await tx.saveProgress(inbox.id, progress);
}

/** Waits for a moment that may still move while it is waited for. */
async function sleepUntil(moment: () => number, signal: AbortSignal): Promise<void> {
  for (let left = moment() - Date.now(); left > 0 && !signal.aborted; left = moment() - Date.now()) {
    await sleep(left, signal);
  }
}

/** Writes the newest progress at most twice a second, one write at a time. */
class ProgressWriter {
  private latest: [done: number, total: number] | undefined;
  private writing: Promise<void> = Promise.resolve();
  private readonly timer = setInterval(() => this.flush(), progressEveryMs);

  constructor(private readonly write: (done: number, total: number) => Promise<void>) {}

  set(done: number, total: number): void {
    this.latest = [done, total];
  }

  async end(): Promise<void> {
    clearInterval(this.timer);
    await this.writing;
  }

  private flush(): void {
    const { latest } = this;
    if (!latest) return;
    this.latest = undefined;
    // Progress that could not be written is overtaken by the next; a database that is away fails the visit itself.
    this.writing = this.writing.then(() => this.write(...latest)).catch(() => undefined);
  }
}
