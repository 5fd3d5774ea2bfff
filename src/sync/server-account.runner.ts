import { Logger } from '@nestjs/common';
import { LinkedAbort } from '../common/linked-abort.js';
import { sleep } from '../common/sleep.js';
import type { RemoteHint, RemoteMailboxStatus, ServerKeeper } from '../mailbox/keeper.port.js';
import { isMailError, MailError } from '../mailbox/mailbox.errors.js';
import type { AccountId, MailboxId } from '../mailbox/model/ids.js';
import type { Mailbox } from '../mailbox/model/mailbox.js';
import type { MirrorStore } from '../store/mirror.port.js';
import type { AccountRunner, StatusReporter } from './account-runner.js';
import { isMailboxTrouble } from './mailbox-trouble.js';
import type { MailboxSynchroniser } from './mailbox-synchroniser.js';
import { PreviewFiller } from './preview-filler.js';
import { SyncQueue, type SyncTask } from './sync-queue.js';

/** What the server never announced is found by comparing everything, this often. */
const fullReconcileMs = 6 * 3_600_000;

export interface ServerAccountDependencies {
  readonly accountId: AccountId;
  readonly keeper: ServerKeeper;
  readonly epoch: bigint;
  readonly synchroniser: MailboxSynchroniser;
  readonly mirror: MirrorStore;
  readonly status: StatusReporter;
}

/** Keeps one IMAP account's mirror true: watches on one connection, synchronises on others. */
export class ServerAccountRunner implements AccountRunner {
  private static readonly log = new Logger(ServerAccountRunner.name);

  readonly service = { lastDoneMs: 0 };
  private readonly previews: PreviewFiller;
  /** Not there when they were selected, and how often there had been a list by then. */
  private missing: Map<MailboxId, number> | undefined;
  private lists = 0;

  constructor(private readonly context: ServerAccountDependencies) {
    this.previews = new PreviewFiller(context);
  }

  /** Runs until the connection is lost or refused, which it throws, or `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { keeper } = this.context;
    const queue = new SyncQueue();
    const ended = new LinkedAbort(signal);
    const parts = [
      keeper.watch(
        (hint) => put(queue, hint),
        () => queue.addList(),
        ended.signal,
      ),
      this.work(queue, ended.signal),
      this.reconcileNowAndThen(ended.signal),
    ];
    try {
      await Promise.race(parts);
    } finally {
      ended.abort();
      await Promise.allSettled(parts);
    }
    if (!signal.aborted) throw new MailError('CONNECTION_FAILED', 'the watching connection ended');
  }

  /** Everything, now, beside whatever the worker does. */
  async syncNow(signal: AbortSignal): Promise<void> {
    const { keeper, accountId, epoch, synchroniser } = this.context;
    await synchroniser.synchroniseList(keeper, accountId, { epoch }, signal);
    for (const mailbox of await this.selectable()) await this.synchronise(mailbox, {}, signal);
  }

  private async work(queue: SyncQueue, signal: AbortSignal): Promise<void> {
    while (await queue.wait(signal)) {
      await this.perform(queue.take()!, queue, signal);
      if (queue.hasMoreUrgent()) continue;
      if (!queue.hasBackfill) this.service.lastDoneMs = Date.now();
      await this.context.status(queue.hasBackfill ? 'synchronising' : 'succeeded');
    }
  }

  private async perform(task: SyncTask, queue: SyncQueue, signal: AbortSignal): Promise<void> {
    const { keeper, accountId, epoch, synchroniser } = this.context;
    if (task.kind === 'report') return synchroniser.settleRest({ keeper, accountId, epoch, signal });
    if (task.kind === 'previews') return this.fillPreviews(queue, signal);
    if (task.kind === 'list') {
      const listed = await synchroniser.synchroniseList(keeper, accountId, { epoch }, signal);
      this.lists += 1;
      const statuses = new Map(listed.map(({ path, status }) => [path, status]));
      for (const mailbox of inOrder(await this.selectable())) {
        if (!mailbox.sync.complete) queue.addBackfill(mailbox.path);
        else if (mayHaveNews(mailbox, statuses.get(mailbox.path))) queue.addNews(mailbox.path);
      }
      return queue.addPreviews();
    }
    const mailbox = (await this.selectable()).find(({ path }) => path === task.path);
    if (!mailbox) return;
    if (task.kind === 'backfill' || !mailbox.sync.complete) await this.backfill(mailbox, queue, signal);
    else if (!(await this.synchronise(mailbox, {}, signal, queue))) queue.addNews(mailbox.path);
    queue.addPreviews();
  }

  private async fillPreviews(queue: SyncQueue, signal: AbortSignal): Promise<void> {
    if (await this.previews.fill(signal)) queue.addPreviews();
  }

  /** One slice: the newest window of a mailbox that nobody has seen yet, else as much as goes before something happens. */
  private async backfill(mailbox: Mailbox, queue: SyncQueue, signal: AbortSignal): Promise<void> {
    const onlyNewest = mailbox.checkpoint === undefined && queue.hasBackfill;
    const interrupt = (): boolean => onlyNewest || queue.hasMoreUrgent();
    const complete = await this.synchronise(mailbox, { interrupt }, signal, queue);
    if (!complete) queue.addBackfill(mailbox.path);
  }

  /** @returns false when there is more to read */
  private async synchronise(
    mailbox: Mailbox,
    options: { interrupt?: () => boolean; full?: boolean },
    signal: AbortSignal,
    queue?: SyncQueue,
  ): Promise<boolean> {
    const { keeper, epoch, synchroniser } = this.context;
    try {
      const complete = await synchroniser.synchronise(keeper, mailbox.id, { ...options, epoch }, signal);
      this.missing?.delete(mailbox.id);
      return complete;
    } catch (error) {
      if (!isMailError(error) || !isMailboxTrouble(error)) throw error;
      ServerAccountRunner.log.warn(
        { mailboxId: mailbox.id, code: error.code, reason: error.message },
        'mailbox could not be synchronised',
      );
      if (error.code !== 'NOT_FOUND') return true;
      // Only what a list has named since then is a name and nothing more; else the mailbox may have another name by now.
      const isName = (this.missing?.get(mailbox.id) ?? Infinity) < this.lists;
      if (isName) await synchroniser.clear(keeper, mailbox, { epoch }, signal);
      else queue?.addList();
      this.missing = (this.missing ?? new Map<MailboxId, number>()).set(mailbox.id, this.lists);
      return true;
    }
  }

  private async reconcileNowAndThen(signal: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(fullReconcileMs * (0.75 + Math.random() / 2), signal);
      if (signal.aborted) return;
      for (const mailbox of await this.selectable()) await this.synchronise(mailbox, { full: true }, signal);
    }
  }

  private async selectable(): Promise<readonly Mailbox[]> {
    return (await this.context.mirror.mailboxesOf([this.context.accountId])).filter(({ selectable }) => selectable);
  }
}

function put(queue: SyncQueue, hint: RemoteHint): void {
  switch (hint.kind) {
    case 'mailbox':
      return queue.addNews(hint.path);
    case 'mailboxes':
      return queue.addList();
    case 'asked':
      return queue.addReport();
    default:
      return hint satisfies never;
  }
}

/** False only where the server's own figures prove that nothing has happened: without MODSEQ, flags may have changed unseen. */
function mayHaveNews({ checkpoint, totalMessages }: Mailbox, status: RemoteMailboxStatus | undefined): boolean {
  return !(
    checkpoint?.highestModSeq !== undefined &&
    status?.uidValidity === checkpoint.uidValidity &&
    status.uidNext === checkpoint.nextUid &&
    status.messages === totalMessages &&
    status.highestModSeq === checkpoint.highestModSeq
  );
}

/** INBOX first, then what people look at, then the rest. */
const inOrder = (mailboxes: readonly Mailbox[]): readonly Mailbox[] =>
  [...mailboxes].sort((a, b) => rank(a) - rank(b) || a.path.localeCompare(b.path));

const rank = ({ specialUse }: Mailbox): number => (specialUse === 'INBOX' ? 0 : specialUse ? 1 : 2);
