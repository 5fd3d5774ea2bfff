import type { GatewayClient } from '../gateway-client.js';
import type { OperationsLog } from './operations-log.js';
import { add } from './operations-log.js';
import { CHANGE, type Change, type ReplicaMessage } from './replica.js';
import type { Session } from './subscriber.js';

/** Every change after a cursor, as the API tells it. */
export async function readChangeLog(client: GatewayClient, accountId: string, since: string): Promise<Change[]> {
  const all: Change[] = [];
  for (let cursor = since; ;) {
    const { changes } = await client.query<{ changes: { changes: Change[]; cursor: string; hasMore: boolean } }>(
      `query ($id: ID!, $since: ChangeCursor!) { changes(accountId: $id, since: $since, first: 200) {
        changes { ${CHANGE} } cursor hasMore } }`,
      { id: accountId, since: cursor },
    );
    all.push(...changes.changes);
    if (!changes.hasMore) return all;
    cursor = changes.cursor;
  }
}

/**
 * What cannot be in a log in which each change is told once: a message added twice or changed before it was there, a move from
 * where it was not, more changes of a message than there were operations on it.
 */
export function faultsOf(log: readonly Change[], listed: ReadonlyMap<string, string>, done: OperationsLog): string[] {
  const places = new Map(listed);
  const gone = new Set<string>();
  const faults: string[] = [];
  const added = new Map<string, number>();
  const changed = new Map<string, number>();
  for (const change of log) {
    if (change.__typename === 'MessageAdded') {
      const { id, messageId } = change.message;
      if (places.has(id) || gone.has(id)) faults.push(`${messageId} was added twice`);
      // Where it was when it came; the event shows where it is now.
      places.set(id, '');
      add(added, messageId);
    } else if (change.__typename === 'MessageUpdated') {
      const { message, previousMailboxId } = change;
      if (!places.has(message.id)) faults.push(`${message.messageId} was changed while it was not there`);
      if (previousMailboxId === null) add(changed, message.messageId);
    } else if (change.__typename === 'MessageRemoved') {
      if (!places.delete(change.removedId)) faults.push(`${change.removedId} was removed while it was not there`);
      gone.add(change.removedId);
    }
  }
  for (const [messageId, count] of changed) {
    const most = done.flagChanges.get(messageId) ?? 0;
    // Which of several copies has gone and which has come nobody can tell, and each has flags of its own.
    const copied =
      (done.created.get(messageId) ?? 0) > 1 || (messageId.startsWith('first-') && done.created.has(messageId));
    if (count > most && !copied) faults.push(`${messageId}: flags changed ${count} times by ${most} operations`);
  }
  for (const [messageId, count] of added) {
    const most = done.arrivals.get(messageId) ?? 0;
    if (count > most && !done.excused.has(messageId))
      faults.push(`${messageId}: added ${count} times by ${most} operations`);
  }
  return faults;
}

/** Of messages of which there has only ever been one. */
export interface IdsOverMoves {
  readonly moves: number;
  /** Another id than before; one line each. */
  readonly lost: readonly string[];
}

/**
 * Whether ids survive what others move: Message-ID, size and date tell each of these messages wherever it is. A mailbox that was
 * renamed or deleted with one inside is an excuse.
 */
export function idsOverMoves(
  log: readonly Change[],
  listed: Iterable<ReplicaMessage>,
  { created, arrivals, excused }: OperationsLog,
): IdsOverMoves {
  const ids = new Map<string, Set<string>>();
  const note = ({ id, messageId }: ReplicaMessage): unknown =>
    ids.set(messageId, (ids.get(messageId) ?? new Set()).add(id));
  for (const message of listed) note(message);
  for (const change of log) if ('message' in change) note(change.message);
  const copies = (id: string): number => (created.get(id) ?? 0) + (id.startsWith('first-') ? 1 : 0) - 1;
  const single = [...ids].filter(([id]) => copies(id) <= 0 && !excused.has(id));
  const movesOf = (id: string): number => (arrivals.get(id) ?? 0) - (created.get(id) ?? 0);
  return {
    moves: single.reduce((sum, [id]) => sum + movesOf(id), 0),
    lost: single.flatMap(([id, { size }]) => (size > 1 ? [`${id}: ${size} ids in ${movesOf(id)} moves`] : [])),
  };
}

/** Where what a subscriber was told is not the log itself from where it asked, without gap or repetition. */
export function faultsOfSessions(sessions: readonly Session[], since: string, log: readonly Change[]): string[] {
  const cursors = [since, ...log.map(({ cursor }) => cursor)];
  const place = new Map(cursors.map((cursor, i) => [cursor, i]));
  const faults: string[] = [];
  for (const session of sessions) {
    const first = place.get(session.since);
    if (first === undefined) faults.push(`asked from ${session.since}, which is not in the log`);
    else {
      const wrong = session.told.findIndex((cursor, i) => cursors[first + 1 + i] !== cursor);
      if (wrong >= 0) faults.push(`event ${wrong} after ${session.since} was ${session.told[wrong]}`);
    }
  }
  return faults;
}
