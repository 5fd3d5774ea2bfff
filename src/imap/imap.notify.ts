import type { ReportedStatus } from './imap.mapping.js';
import { isList, textOf, type Token } from './imap.tokens.js';

/** What a server tells of its own accord of mailboxes that are not selected. */
export type NotifiedNews =
  /** In the server's spelling, as LIST gave it. */
  | { readonly kind: 'status'; readonly listedPath: string; readonly status: ReportedStatus }
  /** Mailboxes came, went, were renamed or subscribed to. */
  | { readonly kind: 'list' }
  /** Nothing more will be told: there was too much (RFC 5465 section 5.8). */
  | { readonly kind: 'overflow' };

const atom = (value: string): Token => ({ type: 'ATOM', value });
const messageEvents = ['MessageNew', 'MessageExpunge', 'FlagChange'].map(atom);
const mailboxEvents = ['MailboxName', 'SubscriptionChange'].map(atom);

/** NOTIFY SET (RFC 5465 section 3): the selected mailbox as without it, and all of the user's own. */
export const notifyArguments: readonly Token[] = [
  atom('SET'),
  [atom('selected'), messageEvents],
  [atom('personal'), [...messageEvents, ...mailboxEvents]],
];

/** @returns undefined where it is no answer of STATUS (RFC 9051 section 7.3.4) */
export function readStatus(attributes: readonly Token[] | undefined): NotifiedNews | undefined {
  const [path, items] = attributes ?? [];
  const listedPath = textOf(path);
  if (listedPath === undefined || !isList(items)) return undefined;
  const values = new Map<string, string>();
  for (let i = 0; i + 1 < items.length; i += 2) {
    const [name, value] = [textOf(items[i]), textOf(items[i + 1])];
    if (name !== undefined && value !== undefined && /^\d{1,20}$/.test(value)) values.set(name.toUpperCase(), value);
  }
  return { kind: 'status', listedPath, status: toReported(values) };
}

function toReported(values: ReadonlyMap<string, string>): ReportedStatus {
  const number = (name: string): number | undefined => {
    const value = values.get(name);
    return value === undefined ? undefined : Number(value);
  };
  const big = (name: string): bigint | undefined => {
    const value = values.get(name);
    return value === undefined ? undefined : BigInt(value);
  };
  return withoutUndefined({
    messages: number('MESSAGES'),
    uidNext: number('UIDNEXT'),
    uidValidity: big('UIDVALIDITY'),
    highestModseq: big('HIGHESTMODSEQ'),
    unseen: number('UNSEEN'),
  });
}

const withoutUndefined = (status: ReportedStatus): ReportedStatus =>
  Object.fromEntries(Object.entries(status).filter(([, value]) => value !== undefined));
