import type { RemoteMessage } from '../../mailbox/keeper.port.js';
import { isMailError } from '../../mailbox/mailbox.errors.js';
import type { ErrorCode } from '../../mailbox/model/error-code.js';
import type { UidValidity } from '../../mailbox/model/ids.js';
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

/**
 * Messages over which a server ends the connection, every time (a file of another size than recorded, say). One of them must not
 * stop the mailbox behind it. Known as long as the process lives or until all is compared: then they are tried again.
 */
export class UnreadableMessages {
  private readonly byMailbox = new Map<string, Map<number, UnreadableMessage>>();

  of(path: string, uidValidity: UidValidity): ReadonlyMap<number, UnreadableMessage> {
    return this.byMailbox.get(keyOf(path, uidValidity)) ?? new Map();
  }

  add(path: string, uidValidity: UidValidity, unreadable: UnreadableMessage): void {
    const key = keyOf(path, uidValidity);
    this.byMailbox.set(key, (this.byMailbox.get(key) ?? new Map()).set(unreadable.uid, unreadable));
  }

  remove(path: string, uidValidity: UidValidity, uid: number): void {
    this.byMailbox.get(keyOf(path, uidValidity))?.delete(uid);
  }
}

const keyOf = (path: string, uidValidity: UidValidity): string => `${uidValidity} ${path}`;

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
      for await (const [row] of connection.fetch(String(uid), messageItems, { uid: true }, signal)) {
        message = row && toDamaged(row);
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
  const parseWarnings = ['the mail server ends the connection when this message is read; it will be tried again'];
  return { ...message, data: { ...message.data, parseWarnings } };
}
