import type { RemoteMessage, SyncBatch } from '../../mailbox/keeper.port.js';
import { rejected } from '../imap.errors.js';
import * as limits from '../imap.limits.js';
import { UidSet } from '../uid-set.js';
import { readAhead } from './read-ahead.js';
import type { SyncRun } from './sync-run.js';

/**
 * The newest messages of a mailbox, by their place: two round trips, whatever its size.
 * @returns how many they are
 */
export async function* firstWindow(run: SyncRun): AsyncGenerator<SyncBatch, number, undefined> {
  const { connection } = run;
  const first = Math.max(1, connection.exists - limits.firstWindowMessages + 1);
  const newest: RemoteMessage[] = [];
  // Of what is said before the question, because what changes while the answer comes must be told again later.
  const highestModSeq = connection.seenModSeq;
  if (connection.exists > 0) {
    for await (const messages of run.fetchMessages(`${first}:*`, { uid: false })) newest.push(...messages);
  }
  const uids = newest.map(({ uid }) => uid);
  const lowestUid = first === 1 || uids.length === 0 ? 1 : Math.min(...uids);
  const nextUid = Math.max(0, ...uids) + 1;
  yield run.batch({ messages: newest }, { lowestUid, nextUid, highestModSeq });
  return newest.length;
}

interface Window {
  readonly messages: readonly RemoteMessage[];
  /** Every UID from here up has been read with this window. */
  readonly lowestUid?: number;
}

/** What lies below the windows read so far, newest first. Resumes where the checkpoint stands. */
export async function* backfill(run: SyncRun): AsyncGenerator<SyncBatch, void, undefined> {
  for await (const { messages, lowestUid } of readAhead(windows(run))) {
    yield run.batch({ messages }, lowestUid === undefined ? {} : { lowestUid });
  }
}

async function* windows(run: SyncRun): AsyncGenerator<Window, void, undefined> {
  let remaining = await searchBelow(run, run.checkpoint.lowestUid);
  if (remaining.size === 0) yield { messages: [], lowestUid: 1 };
  for (let count = limits.firstWindowMessages * 2; remaining.size > 0;) {
    const { newest, rest } = remaining.splitNewest(count);
    const lowestUid = rest.size === 0 ? 1 : newest.first;
    const before = run.connection.receivedBytes;
    yield* window(run, newest, lowestUid);
    count = nextWindowSize(count, newest.size, run.connection.receivedBytes - before);
    remaining = rest;
  }
}

/** A window with much in it comes in several pieces; only the last moves the watermark. */
async function* window(run: SyncRun, uids: UidSet, lowestUid: number): AsyncGenerator<Window, void, undefined> {
  let held: readonly RemoteMessage[] = [];
  for await (const messages of run.fetchMessages(`${uids.first}:${uids.last}`, { uid: true })) {
    if (held.length > 0) yield { messages: held };
    held = messages;
  }
  yield { messages: held, lowestUid };
}

async function searchBelow(run: SyncRun, lowestUid: number): Promise<UidSet> {
  if (lowestUid <= 1) return UidSet.parse('');
  const found = UidSet.parse(await run.connection.search({ uid: `1:${lowestUid - 1}` }, run.signal)).within(
    1,
    lowestUid - 1,
  );
  if (found.size > run.connection.exists) throw rejected('the mail server lists more messages than it has');
  return found;
}

/** As many messages as should make `targetWindowBytes`, growing to no more than four times the last window. */
export function nextWindowSize(lastCount: number, lastMessages: number, lastBytes: number): number {
  const perMessage = lastBytes / Math.max(1, lastMessages);
  const fitting = Math.floor(limits.targetWindowBytes / Math.max(1, perMessage));
  return Math.max(limits.minWindowMessages, Math.min(limits.maxWindowMessages, lastCount * 4, fitting));
}
