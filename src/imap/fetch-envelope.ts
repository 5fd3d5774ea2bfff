import { decodeWords } from '../mime/header-fields.js';
import type { FetchedRow } from './imap.mapping.js';
import { CLOSE, OPEN, type ResponseCursor } from './response-cursor.js';

type Envelope = NonNullable<FetchedRow['envelope']>;
type Address = NonNullable<Envelope['from']>[number];

const lists = ['from', 'sender', 'replyTo', 'to', 'cc', 'bcc'] as const;

/**
 * Reads an ENVELOPE (RFC 9051 section 7.5.2) to what imapflow makes of it, without its tree of tokens: of all that a first
 * synchronisation reads, most is envelopes.
 * @returns undefined for what the grammar does not know
 */
export function readEnvelope(cursor: ResponseCursor): Envelope | undefined {
  if (!cursor.passes('(')) return undefined;
  const envelope: Envelope = {};
  const [date, subject] = [cursor.nstring(), nextNstring(cursor)];
  if (date === undefined || subject === undefined) return undefined;
  if (date) envelope.date = toDate(date);
  if (subject) envelope.subject = decodeWords(subject);
  const addresses = new AddressLists(cursor);
  for (const name of lists) {
    const list = cursor.passes(' ') ? addresses.read() : undefined;
    if (list === undefined) return undefined;
    if (list) envelope[name] = list;
  }
  const [inReplyTo, messageId] = [nextNstring(cursor), nextNstring(cursor)];
  if (inReplyTo === undefined || messageId === undefined || !cursor.passes(')')) return undefined;
  if (inReplyTo) envelope.inReplyTo = inReplyTo.trim();
  if (messageId) envelope.messageId = messageId.trim();
  return envelope;
}

const nextNstring = (cursor: ResponseCursor): string | null | undefined =>
  cursor.passes(' ') ? cursor.nstring() : undefined;

/** As text where it is none. */
function toDate(text: string): Date {
  const date = new Date(text);
  // imapflow's types do not say so.
  return Number.isNaN(date.getTime()) ? (text as unknown as Date) : date;
}

/** The lists of one envelope: where a message names neither, servers repeat its From as Sender and Reply-To. */
class AddressLists {
  private lastText: string | undefined;
  private last: Address[] = [];

  constructor(private readonly cursor: ResponseCursor) {}

  /** @returns null for NIL */
  read(): Address[] | null | undefined {
    const { cursor, lastText } = this;
    if (lastText !== undefined && cursor.passes(lastText)) return this.last;
    if (cursor.nil()) return null;
    const start = cursor.position;
    const list = readList(cursor);
    if (!list) return undefined;
    this.lastText = cursor.textFrom(start);
    return (this.last = list);
  }
}

function readList(cursor: ResponseCursor): Address[] | undefined {
  if (!cursor.passes('(')) return undefined;
  const list: Address[] = [];
  do {
    const address = readAddress(cursor);
    if (!address) return undefined;
    if (address.name || address.address) list.push(address);
    // Some put a space between them.
    if (cursor.code !== CLOSE) cursor.passes(' ');
  } while (cursor.code === OPEN);
  return cursor.passes(')') ? list : undefined;
}

function readAddress(cursor: ResponseCursor): Address | undefined {
  if (!cursor.passes('(')) return undefined;
  const [name, route] = [cursor.nstring(), nextNstring(cursor)];
  const [mailbox, host] = [nextNstring(cursor), nextNstring(cursor)];
  if (name === undefined || route === undefined || mailbox === undefined || host === undefined) return undefined;
  if (!cursor.passes(')')) return undefined;
  const shown = toName(name);
  if (host) return { name: shown, address: `${mailbox ?? ''}@${host}` };
  // A group (RFC 9051 section 7.5.2): its name, or its end.
  return { name: shown || toName(mailbox), address: '' };
}

/** Some servers leave the quotes in place. */
function toName(text: string | null): string {
  const name = text ? decodeWords(text) : '';
  return name.length > 2 && name.startsWith('"') && name.endsWith('"') ? name.slice(1, -1) : name;
}
