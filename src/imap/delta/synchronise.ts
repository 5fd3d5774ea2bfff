import type { SyncBatch, SynchroniseRequest } from '../../mailbox/keeper.port.js';
import type { SyncCheckpoint } from '../../mailbox/model/mailbox.js';
import type { SelectedMailbox } from '../imap.connection.js';
import * as limits from '../imap.limits.js';
import type { ImapSessionPool, SessionLease } from '../imap.session-pool.js';
import { changes, newMessages } from './changes.js';
import { backfill, firstWindow } from './first-sync.js';
import type { SettledMailboxes } from './settled.js';
import { chooseStart, chooseStrategy } from './strategy.js';
import { SyncRun } from './sync-run.js';

/** Makes one mailbox's batches, on one connection of the pool, which is given back at the end or when the receiver stops. */
export async function* synchronise(
  pool: ImapSessionPool,
  settled: SettledMailboxes,
  request: SynchroniseRequest,
  signal: AbortSignal,
): AsyncGenerator<SyncBatch, void, undefined> {
  const lease = await pool.lease(request.path, signal);
  try {
    yield* onConnection(lease, settled, request, signal);
  } finally {
    lease.release();
  }
}

async function* onConnection(
  { connection, mailbox, warm }: SessionLease,
  settled: SettledMailboxes,
  request: SynchroniseRequest,
  signal: AbortSignal,
): AsyncGenerator<SyncBatch, void, undefined> {
  if (warm) await connection.noop(signal);
  const start = chooseStart(request.checkpoint, mailbox.uidValidity);
  const checkpoint = start === 'delta' ? request.checkpoint! : beginning(mailbox);
  const run = new SyncRun(connection, checkpoint, signal, start === 'reset');
  const before = start === 'delta' ? settled.find(request.path, checkpoint) : undefined;
  settled.forget(request.path);

  const { proved, swept } = start === 'delta' ? yield* delta(run, mailbox, request, before) : yield* begin(run);
  if (run.checkpoint.lowestUid > 1) yield* backfill(run);
  // While the history was being read anything may have gone: then nothing is proved, and the next time compares.
  else if (proved !== undefined) settled.remember(request.path, run.checkpoint, proved, swept);
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
