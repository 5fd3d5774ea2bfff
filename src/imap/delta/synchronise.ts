import { sleep } from '../../common/sleep.js';
import type { SyncBatch, SynchroniseRequest } from '../../mailbox/keeper.port.js';
import type { UidValidity } from '../../mailbox/model/ids.js';
import type { SyncCheckpoint } from '../../mailbox/model/mailbox.js';
import type { SelectedMailbox } from '../imap.selection.js';
import * as limits from '../imap.limits.js';
import type { ImapSessionPool, SessionLease } from '../imap.session-pool.js';
import { changes, newMessages } from './changes.js';
import { backfill, firstWindow } from './first-sync.js';
import type { SettledMailboxes } from './settled.js';
import { chooseStart, chooseStrategy } from './strategy.js';
import { SyncRun } from './sync-run.js';
import {
  findUnreadable,
  readAgain,
  type LostFetch,
  type UnreadableMessage,
  type UnreadableMessages,
} from './unreadable.js';

/** Pauses before a message is blamed, over which another connection has to end after each of them, too. */
const doubtsMs = [1_000, 2_000];

/** What is remembered between synchronisations; lost with the process, and learnt again. */
export interface SyncMemory {
  readonly settled: SettledMailboxes;
  readonly unreadable: UnreadableMessages;
}

/**
 * Makes one mailbox's batches, on one connection of the pool, which is given back at the end or when the receiver stops. Where a
 * message makes the server end the connection, that one is found and left out, and reading goes on behind it.
 */
export async function* synchronise(
  pool: ImapSessionPool,
  memory: SyncMemory,
  request: SynchroniseRequest,
  signal: AbortSignal,
): AsyncGenerator<SyncBatch, void, undefined> {
  let ordinaryLosses = 0;
  for (let current = request; ;) {
    // Any mailbox but INBOX may have been deleted and made anew under a session that has it selected.
    const lease = await pool.lease(request.path, signal, request.path !== 'INBOX');
    let run: SyncRun | undefined;
    let idleMs = limits.briefSessionIdleMs;
    try {
      await recall(memory, lease, current);
      run = startRun(lease, memory, current, signal);
      for await (const batch of follow(run, lease, memory, current)) {
        if (isNews(request, batch)) idleMs = limits.newsSessionIdleMs;
        yield batch;
      }
      return;
    } catch (error) {
      lease.release();
      if (!run?.lost || signal.aborted) throw error;
      const isolated = await isolate(pool, memory, request.path, run.lost, signal);
      // A network may fail once; when it fails again it is for the caller to wait.
      ordinaryLosses += isolated ? 0 : 1;
      if (ordinaryLosses > 1) throw error;
      current = { ...current, checkpoint: run.begun ? run.checkpoint : current.checkpoint };
    } finally {
      lease.release(idleMs);
    }
  }
}

/** Rows that the mirror holds are of one UIDVALIDITY. */
async function recall(
  { unreadable }: SyncMemory,
  { mailbox: { uidValidity } }: SessionLease,
  { path, checkpoint, known }: SynchroniseRequest,
): Promise<void> {
  if (checkpoint?.uidValidity === uidValidity) await unreadable.recall(path, uidValidity, () => known.unreadable());
}

const isNews = ({ path, checkpoint }: SynchroniseRequest, { messages, flags, vanished }: SyncBatch): boolean =>
  path === 'INBOX' && checkpoint !== undefined && messages.length + flags.length + vanished.length > 0;

/** @returns false where no single message is to blame */
async function isolate(
  pool: ImapSessionPool,
  { unreadable }: SyncMemory,
  path: string,
  lost: LostFetch,
  signal: AbortSignal,
): Promise<boolean> {
  const suspect = await suspectOf(pool, path, lost, signal);
  if (!suspect || unreadable.of(path, suspect.uidValidity).has(suspect.uid)) return false;
  let blamed = suspect;
  for (const doubtMs of doubtsMs) {
    // A line that is bad for a moment cuts one connection after another, wherever each of them stands.
    await sleep(doubtMs, signal);
    const found = await suspectOf(pool, path, { range: String(suspect.uid), byUid: true, lastUid: 0 }, signal);
    if (!found || found.uidValidity !== suspect.uidValidity) return false;
    blamed = found;
  }
  unreadable.add(path, blamed.uidValidity, blamed);
  return true;
}

async function suspectOf(
  pool: ImapSessionPool,
  path: string,
  lost: LostFetch,
  signal: AbortSignal,
): Promise<(UnreadableMessage & { uidValidity: UidValidity }) | undefined> {
  const lease = await pool.lease(path, signal);
  try {
    const found = await findUnreadable(lease.connection, lost, signal);
    return found && { ...found, uidValidity: lease.mailbox.uidValidity };
  } finally {
    lease.release();
  }
}

function startRun(
  { connection, mailbox }: SessionLease,
  memory: SyncMemory,
  { checkpoint, path }: SynchroniseRequest,
  signal: AbortSignal,
): SyncRun {
  const start = chooseStart(checkpoint, mailbox.uidValidity);
  return new SyncRun({
    connection,
    checkpoint: checkpoint && start === 'delta' ? checkpoint : beginning(mailbox),
    reset: start === 'reset',
    unreadable: memory.unreadable.of(path, mailbox.uidValidity),
    signal,
  });
}

async function* follow(
  run: SyncRun,
  { connection, mailbox, warm }: SessionLease,
  { settled, unreadable }: SyncMemory,
  request: SynchroniseRequest,
): AsyncGenerator<SyncBatch, void, undefined> {
  if (warm) await connection.noop(run.signal);
  const start = chooseStart(request.checkpoint, mailbox.uidValidity);
  const before = start === 'delta' ? settled.find(request.path, run.checkpoint) : undefined;
  settled.forget(request.path);
  const { proved, swept } = start === 'delta' ? yield* delta(run, mailbox, request, before) : yield* begin(run);
  if (run.checkpoint.lowestUid > 1) yield* backfill(run);
  // While the history was being read anything may have gone: then nothing is proved, and the next time compares.
  else if (proved !== undefined) settled.remember(request.path, run.checkpoint, proved, swept);
  yield* tryAgain(run, unreadable, request);
}

/**
 * What could not be read the last time: the stub makes room for the message, if it can be had now. Comes last, because the
 * connection may end over it once more.
 */
async function* tryAgain(
  run: SyncRun,
  unreadable: UnreadableMessages,
  { path, full }: SynchroniseRequest,
): AsyncGenerator<SyncBatch, void, undefined> {
  const { uidValidity } = run.checkpoint;
  const uids = full ? [...unreadable.of(path, uidValidity).keys()] : unreadable.due(path, uidValidity);
  for (const uid of uids) {
    const message = await readAgain(run.connection, uid, run.signal);
    if (message === 'unreadable') return unreadable.add(path, uidValidity, { uid });
    unreadable.remove(path, uidValidity, uid);
    if (!message) continue;
    yield run.batch({ vanished: [message.uid] });
    yield run.batch({ messages: [message] });
  }
}

interface Passed {
  /** Messages on the server, of which the mirror has every one. */
  readonly proved: number | undefined;
  /** All flags were read. */
  readonly swept: boolean;
}

async function* begin(run: SyncRun): AsyncGenerator<SyncBatch, Passed, undefined> {
  return { proved: yield* firstWindow(run), swept: true };
}

async function* delta(
  run: SyncRun,
  mailbox: SelectedMailbox,
  request: SynchroniseRequest,
  before: ReturnType<SettledMailboxes['find']>,
): AsyncGenerator<SyncBatch, Passed, undefined> {
  const { connection } = run;
  const arrived = yield* newMessages(run);
  const strategy = chooseStrategy({
    qresync: connection.isEnabled('QRESYNC'),
    condstore: connection.isEnabled('CONDSTORE'),
    mailboxModSeq: mailbox.highestModSeq,
    checkpointModSeq: run.checkpoint.highestModSeq,
    full: request.full,
    exists: connection.exists,
    windowMessages: limits.flagWindowMessages,
    sweepDue: !before || performance.now() - before.sweptAtMs > limits.flagSweepMs,
  });
  const expected = before && before.messages + arrived;
  const proved = yield* changes(run, { strategy, known: request.known, expected });
  return { proved, swept: strategy === 'ALL' };
}

const beginning = ({ uidValidity }: SelectedMailbox): SyncCheckpoint => ({ uidValidity, lowestUid: 1, nextUid: 1 });
