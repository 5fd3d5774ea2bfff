import { backoffMs, type BackoffPolicy } from '../../common/backoff.js';
import type { RemoteMessage } from '../../mailbox/keeper.port.js';
import { isMailError } from '../../mailbox/mailbox.errors.js';
import type { ErrorCode } from '../../mailbox/model/error-code.js';
import type { UidValidity } from '../../mailbox/model/ids.js';
import { UNREADABLE } from '../../mailbox/model/message.js';
import type { ImapConnection } from '../imap.connection.js';
import { maxIsolatedMessages } from '../imap.limits.js';
import { messageItems, stubItems, toRemoteMessage, type FetchedRow } from '../imap.mapping.js';
import { UidSet } from '../uid-set.js';

/** How the connection ends: the server hangs up, or sends more than we take. */
const FATAL: readonly ErrorCode[] = ['CONNECTION_FAILED', 'TOO_LARGE'];

export const isFatal = (error: unknown): boolean => isMailError(error) && FATAL.includes(error.code);

/** A message over which the connection ended. */
export interface UnreadableMessage {
  readonly uid: number;
  /** What came before the end, if all that was asked for did. */
  readonly message?: RemoteMessage;
}

const minuteMs = 60_000;
/** A blamed message may have been innocent: it is read again after a minute, and then ever more rarely. */
const retry: BackoffPolicy = { firstMs: 2 * minuteMs, maxMs: 8 * 60 * minuteMs };

interface Blamed extends UnreadableMessage {
  readonly failures: number;
  readonly dueAtMs: number;
}

interface BlamedMailbox {
  readonly uidValidity: UidValidity;
  readonly messages: Map<number, Blamed>;
}

/**
 * Messages over which a server ends the connection, every time (a file of another size than recorded, say). One of them must not
 * stop the mailbox behind it. The mirror remembers which they are; when they are to be tried again is lost with the process.
 */
export class UnreadableMessages {
  private readonly byPath = new Map<string, BlamedMailbox>();

  of(path: string, uidValidity: UidValidity): ReadonlyMap<number, UnreadableMessage> {
    return this.find(path, uidValidity) ?? new Map();
  }

  /** @param known what the mirror says; asked once for each mailbox */
  async recall(path: string, uidValidity: UidValidity, known: () => Promise<readonly number[]>): Promise<void> {
    if (this.find(path, uidValidity)) return;
    const uids = await known();
    const messages = this.messages(path, uidValidity);
    for (const uid of uids) if (!messages.has(uid)) messages.set(uid, { uid, failures: 0, dueAtMs: 0 });
  }

  /** Once more, too: it is the last then to be tried again. */
  add(path: string, uidValidity: UidValidity, unreadable: UnreadableMessage): void {
    const messages = this.messages(path, uidValidity);
    const failures = (messages.get(unreadable.uid)?.failures ?? 0) + 1;
    messages.delete(unreadable.uid);
    messages.set(unreadable.uid, { ...unreadable, failures, dueAtMs: performance.now() + backoffMs(retry, failures) });
  }

  remove(path: string, uidValidity: UidValidity, uid: number): void {
    this.find(path, uidValidity)?.delete(uid);
  }

  /** @returns those whose time has come, the longest waiting first */
  due(path: string, uidValidity: UidValidity): readonly number[] {
    return [...(this.find(path, uidValidity)?.values() ?? [])].filter(isDue).map(({ uid }) => uid);
  }

  /** Where there are any. */
  duePaths(): readonly string[] {
    return [...this.byPath].filter(([, { messages }]) => [...messages.values()].some(isDue)).map(([path]) => path);
  }

  private find(path: string, uidValidity: UidValidity): Map<number, Blamed> | undefined {
    const mailbox = this.byPath.get(path);
    return mailbox?.uidValidity === uidValidity ? mailbox.messages : undefined;
  }

  private messages(path: string, uidValidity: UidValidity): Map<number, Blamed> {
    const messages = this.find(path, uidValidity) ?? new Map<number, Blamed>();
    this.byPath.set(path, { uidValidity, messages });
    return messages;
  }
}

const isDue = ({ dueAtMs }: Blamed): boolean => dueAtMs <= performance.now();

/** Which messages were being read when the connection ended. */
export interface LostFetch {
  readonly range: string;
  readonly byUid: boolean;
  /** Came before; 0 where none did. */
  readonly lastUid: number;
}

/**
 * Reads one by one, on another connection, the last that came and those behind it.
 * @returns that over which this connection ended too; undefined where none did: then the loss was an ordinary one
 */
export async function findUnreadable(
  connection: ImapConnection,
  { range, byUid, lastUid }: LostFetch,
  signal: AbortSignal,
): Promise<UnreadableMessage | undefined> {
  const found = UidSet.parse(await connection.search(byUid ? { uid: range } : { seq: range }, signal));
  for (const uid of found.within(lastUid, found.last).oldest(maxIsolatedMessages)) {
    let message: RemoteMessage | undefined;
    try {
      for await (const [one] of connection.fetch(String(uid), messageItems, { toItem: toDamaged, uid: true }, signal)) {
        message = one;
      }
    } catch (error) {
      if (isFatal(error)) return { uid, message };
      throw error;
    }
  }
  return undefined;
}

/** What can be said of it without reading it; undefined where it is gone, or not even that can be said. */
export async function fetchStub(
  connection: ImapConnection,
  uid: number,
  signal: AbortSignal,
): Promise<RemoteMessage | undefined> {
  const row = await connection.fetchOne(uid, stubItems, signal);
  return row && toDamaged({ ...row, size: 0, envelope: {}, bodyStructure: undefined });
}

/** @returns undefined where it is gone */
export async function readAgain(
  connection: ImapConnection,
  uid: number,
  signal: AbortSignal,
): Promise<RemoteMessage | 'unreadable' | undefined> {
  try {
    const row = await connection.fetchOne(uid, messageItems, signal);
    return row && toRemoteMessage(row);
  } catch (error) {
    if (isFatal(error)) return 'unreadable';
    throw error;
  }
}

function toDamaged(row: FetchedRow): RemoteMessage | undefined {
  const message = toRemoteMessage(row);
  if (!message) return undefined;
  return { ...message, data: { ...message.data, parseWarnings: [UNREADABLE] } };
}
