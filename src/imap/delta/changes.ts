import type { KnownMessages, RemoteFlags, SyncBatch } from '../../mailbox/keeper.port.js';
import { uid, type ModSeq, type Uid } from '../../mailbox/model/ids.js';
import * as limits from '../imap.limits.js';
import { flagItems, toRemoteFlags } from '../imap.mapping.js';
import { UidSet } from '../uid-set.js';
import type { ChangeStrategy } from './strategy.js';
import type { SyncRun } from './sync-run.js';

/** What has come since the checkpoint. @returns how many */
export async function* newMessages(run: SyncRun): AsyncGenerator<SyncBatch, number, undefined> {
  const from = run.checkpoint.nextUid;
  let count = 0;
  let seen = from;
  // `n:*` always answers with the last message, though its UID be lower (RFC 9051 section 6.4.9).
  for await (const fetched of run.fetchMessages(`${from}:*`, { uid: true })) {
    const messages = fetched.filter((message) => message.uid >= from);
    if (messages.length === 0) continue;
    count += messages.length;
    seen = Math.max(seen, ...messages.map((message) => message.uid + 1));
    yield run.batch({ messages }, { nextUid: Math.min(seen, run.firstHeldUid) });
  }
  return count;
}

interface ChangesRequest {
  readonly strategy: ChangeStrategy;
  readonly known: KnownMessages;
  /** How many messages there must be if none has gone; absent where that is not known. */
  readonly expected?: number;
}

/** Messages below `nextUid` on the server, of which the mirror has every one; undefined where nobody counted. */
type Proved = number | undefined;

/** Flags that changed and messages that vanished among those known before. */
export async function* changes(run: SyncRun, request: ChangesRequest): AsyncGenerator<SyncBatch, Proved, undefined> {
  // Of what was heard of before the question: what changes while the answer comes is asked for again next time.
  const highestModSeq = run.connection.seenModSeq;
  if (request.strategy === 'ALL') return yield* everything(run, request, highestModSeq);
  if (request.strategy === 'QRESYNC') return yield* asToldByServer(run, request, highestModSeq);
  if (request.strategy === 'CONDSTORE') yield* changedFlags(run, run.checkpoint.highestModSeq);
  else yield* newestFlags(run);
  return yield* vanishedByComparing(run, request, highestModSeq);
}

/**
 * What the server tells, and then the count of what is left: a server may hold back what has gone while others still see it
 * (RFC 9051 section 7.5.1), and tell of higher mod-sequences meanwhile, below which it is never told again.
 */
async function* asToldByServer(
  run: SyncRun,
  { known }: ChangesRequest,
  highestModSeq: ModSeq | undefined,
): AsyncGenerator<SyncBatch, Proved, undefined> {
  const toldAll = yield* vanishedAsTold(run, known, highestModSeq);
  // While the history is being read there is nothing to count.
  if (toldAll && run.checkpoint.lowestUid > 1) return undefined;
  if (toldAll && (await known.count()) === run.connection.exists) return undefined;
  return yield* compare(run, await searchKnown(run), known, highestModSeq);
}

/** @returns false where more was told to have vanished than can be remembered */
async function* vanishedAsTold(
  run: SyncRun,
  known: KnownMessages,
  highestModSeq: ModSeq | undefined,
): AsyncGenerator<SyncBatch, boolean, undefined> {
  const told: UidSet[] = [];
  let ranges = 0;
  const stopListening = run.connection.onNews((news) => {
    if (news.kind !== 'expunged' || !news.uids) return;
    ranges += news.uids.rangeCount;
    if (ranges <= limits.maxVanishedRanges) told.push(news.uids);
  });
  try {
    yield* changedFlags(run, run.checkpoint.highestModSeq);
  } finally {
    stopListening();
  }
  if (ranges > limits.maxVanishedRanges) return false;
  const uids = await knownAmong(UidSet.union(told), known);
  if (uids.length > 0 || highestModSeq !== run.checkpoint.highestModSeq) {
    yield run.batch({ vanished: uids }, { highestModSeq });
  }
  return true;
}

/** A server that forgot when messages went names every UID that it has not (RFC 7162 section 3.2.5.2). */
async function knownAmong(vanished: UidSet, known: KnownMessages): Promise<readonly Uid[]> {
  if (vanished.size <= limits.firstWindowMessages) return [...vanished].map(uid);
  return vanished.among(await known.uids());
}

async function* changedFlags(run: SyncRun, since: ModSeq | undefined): AsyncGenerator<SyncBatch, void, undefined> {
  const { lowestUid, nextUid } = run.checkpoint;
  if (nextUid <= lowestUid) return;
  yield* flagsOf(run, `${lowestUid}:${nextUid - 1}`, { uid: true, changedSince: since });
}

async function* newestFlags(run: SyncRun): AsyncGenerator<SyncBatch, void, undefined> {
  const first = Math.max(1, run.connection.exists - limits.flagWindowMessages + 1);
  if (run.connection.exists > 0) yield* flagsOf(run, `${first}:*`, { uid: false });
}

async function* flagsOf(
  run: SyncRun,
  range: string,
  options: { uid: boolean; changedSince?: ModSeq },
  onRow: (flags: RemoteFlags) => void = () => undefined,
): AsyncGenerator<SyncBatch, void, undefined> {
  const lots = { ...options, toItem: toRemoteFlags, maxRows: limits.flagBatchMessages };
  for await (const flags of run.connection.fetch(range, flagItems, lots, run.signal)) {
    flags.forEach(onRow);
    if (flags.length > 0) yield run.batch({ flags });
  }
}

async function* vanishedByComparing(
  run: SyncRun,
  { known, expected }: ChangesRequest,
  highestModSeq: ModSeq | undefined,
): AsyncGenerator<SyncBatch, Proved, undefined> {
  // The mirror's own number, too: a command may have put there what was gone before it was read.
  if (expected === run.connection.exists && (await known.count()) === expected) {
    if (highestModSeq !== run.checkpoint.highestModSeq) yield run.batch({}, { highestModSeq });
    return expected;
  }
  return yield* compare(run, await searchKnown(run), known, highestModSeq);
}

async function searchKnown({ checkpoint: { lowestUid, nextUid }, connection, signal }: SyncRun): Promise<UidSet> {
  if (nextUid <= lowestUid) return UidSet.parse('');
  const found = await connection.search({ uid: `${lowestUid}:${nextUid - 1}` }, signal);
  return UidSet.parse(found).within(lowestUid, nextUid - 1);
}

async function* everything(
  run: SyncRun,
  { known }: ChangesRequest,
  highestModSeq: ModSeq | undefined,
): AsyncGenerator<SyncBatch, Proved, undefined> {
  const { lowestUid, nextUid } = run.checkpoint;
  const seen: number[] = [];
  if (nextUid > lowestUid) {
    yield* flagsOf(run, `${lowestUid}:${nextUid - 1}`, { uid: true }, (flags) => seen.push(flags.uid));
  }
  // A row that was left out is not proof enough to forget a message.
  const all = UidSet.of(seen).within(lowestUid, nextUid - 1);
  return yield* compare(run, all.size === run.connection.exists ? all : await searchKnown(run), known, highestModSeq);
}

/** Both ways: known ones that are gone, and, which should not be, ones that were never read. */
async function* compare(
  run: SyncRun,
  onServer: UidSet,
  known: KnownMessages,
  highestModSeq: ModSeq | undefined,
): AsyncGenerator<SyncBatch, Proved, undefined> {
  const { lowestUid, nextUid } = run.checkpoint;
  const all = await known.uids();
  const mirrored = all.filter((one) => one >= lowestUid && one < nextUid);
  const missed = onServer.without(mirrored);
  if (missed.size <= run.connection.exists) {
    for await (const messages of run.fetchSet(missed)) yield run.batch({ messages });
  }
  const above = all.filter((one) => one >= nextUid);
  const vanished = [...onServer.absent(mirrored), ...(await absentNow(run, above))];
  if (vanished.length > 0 || highestModSeq !== run.checkpoint.highestModSeq)
    yield run.batch({ vanished }, { highestModSeq });
  return lowestUid === 1 ? onServer.size : undefined;
}

/** Of what commands have put above the watermark. The server is told to look first: it may have come a moment ago. */
async function absentNow({ connection, signal }: SyncRun, uids: readonly Uid[]): Promise<readonly Uid[]> {
  if (uids.length === 0) return [];
  await connection.noop(signal);
  const found = await connection.search({ uid: `${uids[0]}:${uids.at(-1)}` }, signal);
  return UidSet.parse(found).absent(uids);
}
