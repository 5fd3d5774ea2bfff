import type { Outcome } from '../mailbox/keeper.port.js';
import { notFound } from '../mailbox/mailbox.errors.js';
import type { Message } from '../mailbox/model/message.js';
import type { UidValidity } from '../mailbox/model/ids.js';
import { uidsChanged } from './imap.errors.js';
import { maxSetChars } from './imap.limits.js';
import { UidSet } from './uid-set.js';

/** A message that has a place on the server. */
export interface PlacedMessage<M extends Message = Message> {
  readonly message: M;
  readonly uid: number;
}

export interface Placement<M extends Message> {
  readonly placed: readonly PlacedMessage<M>[];
  /** Those that a command cannot name, each with the reason. */
  readonly failed: readonly Outcome<never>[];
}

/** Sorts out what can be named by UID in the mailbox as it is selected now. */
export function place<M extends Message>(messages: readonly M[], current: UidValidity): Placement<M> {
  const placed: PlacedMessage<M>[] = [];
  const failed: Outcome<never>[] = [];
  for (const message of messages) {
    const { remote, id: messageId } = message;
    if (remote?.uidValidity === current) placed.push({ message, uid: remote.uid });
    // Just moved here, and the server did not say as what: the next synchronisation finds it.
    else failed.push({ messageId, ok: false, error: uidsChanged() });
  }
  return { placed, failed };
}

/** As many command arguments as it takes, with the messages that each names. */
export function lines<M extends Message>(
  placed: readonly PlacedMessage<M>[],
): readonly { uids: string; messages: readonly PlacedMessage<M>[] }[] {
  return UidSet.of(placed.map(({ uid }) => uid))
    .lines(maxSetChars)
    .map((uids) => {
      const set = UidSet.parse(uids);
      return { uids, messages: placed.filter(({ uid }) => set.has(uid)) };
    });
}

export const succeed = <T>({ message }: PlacedMessage, value: T): Outcome<T> => ({
  messageId: message.id,
  ok: true,
  value,
});

export const fail = ({ message }: PlacedMessage, error: Error): Outcome<never> => ({
  messageId: message.id,
  ok: false,
  error,
});

export const gone = (placed: PlacedMessage): Outcome<never> => fail(placed, notFound('message'));
