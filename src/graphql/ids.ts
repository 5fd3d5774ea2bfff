import { parsePublicId, type IdKind } from '../common/public-id.js';
import { MailError } from '../mailbox/mailbox.errors.js';
import type { AccountId, ApiKeyId, MailboxId, MessageId, ThreadId } from '../mailbox/model/ids.js';

interface IdOf {
  readonly account: AccountId;
  readonly mailbox: MailboxId;
  readonly message: MessageId;
  readonly thread: ThreadId;
  readonly apiKey: ApiKeyId;
}

const WORDS: Readonly<Record<IdKind, string>> = {
  account: 'account',
  mailbox: 'mailbox',
  message: 'message',
  thread: 'thread',
  apiKey: 'API key',
};

/** @returns undefined for what is no id of ours, or one of another kind: nothing can have it */
export function findId<K extends IdKind>(kind: K, text: string): IdOf[K] | undefined {
  const id = parsePublicId(text);
  return id?.kind === kind ? (id.uuid as IdOf[K]) : undefined;
}

/** Those that can name something; the others match nothing. */
export const findIds = <K extends IdKind>(kind: K, texts: readonly string[]): readonly IdOf[K][] =>
  texts.flatMap((text) => findId(kind, text) ?? []);

/** @throws MailError NOT_FOUND, as for an id that names nothing */
export function requireId<K extends IdKind>(kind: K, text: string, field: readonly string[]): IdOf[K] {
  const id = findId(kind, text);
  if (id === undefined) throw new MailError('NOT_FOUND', `no such ${WORDS[kind]}`, { field });
  return id;
}

/** @throws MailError NOT_FOUND where one of them names nothing */
export const requireIds = <K extends IdKind>(
  kind: K,
  texts: readonly string[],
  field: readonly string[],
): readonly IdOf[K][] => texts.map((text) => requireId(kind, text, field));
