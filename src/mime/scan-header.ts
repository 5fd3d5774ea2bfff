import type { Address, Envelope } from '../mailbox/model/message.js';
import { parseAddresses } from './addresses.js';
import { singleLine } from './clean-text.js';
import { readContentHeaders } from './content-headers.js';
import { decodeWords, splitHeader, type RawField } from './header-fields.js';
import { parseMailDate } from './mail-date.js';
import { parseMessageIds } from './message-ids.js';
import { MAX_ADDRESSES, MAX_MESSAGE_ID_CHARS, MAX_SUBJECT_CHARS } from './mime.limits.js';
import { Warnings } from './warnings.js';

export interface HeaderScan {
  readonly envelope: Envelope;
  /** When the message reached the last server: the topmost Received field, else the date given. */
  readonly internalDate: Date;
  /** Octets of the header section with its empty line. */
  readonly headerBytes: number;
  /** Of the message as a whole, lower case. */
  readonly contentType: string;
  readonly warnings: readonly string[];
}

// A server's clock may be a little ahead of ours, not a day.
const MAX_AHEAD_MS = 24 * 60 * 60 * 1000;

/** Fields of the same name together, by their name in lower case. */
type FieldMap = ReadonlyMap<string, readonly RawField[]>;

/**
 * Reads what a list of messages shows from the header alone; about 0.02 ms. mailparser as a whole takes fifty times as
 * long, for it reads bodies too, so only its address reader is used here (see `addresses.ts`).
 * @param octets       a whole message or the start of one; only the header section is read, at most 256 KiB of it
 * @param fallbackDate internal date where no Received field gives one, e.g. the time of download
 */
export function scanHeader(octets: Buffer, fallbackDate: Date): HeaderScan {
  const warnings = new Warnings();
  const { fields, sizeBytes, cut } = splitHeader(octets);
  if (cut) warnings.add('header section is too long: only its start was read');
  if (fields.length === 0) warnings.add('message has no header');
  const named = groupByName(fields);
  return {
    envelope: readEnvelope(named, warnings),
    internalDate: readInternalDate(named.get('received')?.[0], fallbackDate, warnings),
    headerBytes: sizeBytes,
    contentType: readContentHeaders(fields, false).contentType,
    warnings: warnings.list(),
  };
}

function readEnvelope(named: FieldMap, warnings: Warnings): Envelope {
  const first = (name: string): RawField | undefined => named.get(name)?.[0];
  const addresses = (name: string): readonly Address[] => readAddresses(name, named.get(name) ?? [], warnings);
  const from = addresses('from');
  const sender = addresses('sender');
  const replyTo = addresses('reply-to');
  const messageId = readMessageId(first('message-id'));
  const subject = first('subject');
  const sentAt = readSentAt(first('date'), warnings);
  return {
    ...(messageId !== undefined && { messageId }),
    inReplyTo: parseMessageIds(first('in-reply-to')?.value ?? ''),
    references: parseMessageIds(first('references')?.value ?? ''),
    ...(subject && { subject: singleLine(decodeWords(subject.value), MAX_SUBJECT_CHARS) }),
    from,
    // An IMAP server fills these in from From (RFC 9051 section 7.5.2), so both protocols give the same.
    sender: sender.length > 0 ? sender : from,
    replyTo: replyTo.length > 0 ? replyTo : from,
    to: addresses('to'),
    cc: addresses('cc'),
    bcc: addresses('bcc'),
    ...(sentAt && { sentAt }),
  };
}

function groupByName(fields: readonly RawField[]): FieldMap {
  const named = new Map<string, RawField[]>();
  for (const field of fields) {
    const group = named.get(field.key);
    if (group) group.push(field);
    else named.set(field.key, [field]);
  }
  return named;
}

/** A field given twice is against RFC 5322 section 3.6; read as one list, as Dovecot does. */
function readAddresses(name: string, fields: readonly RawField[], warnings: Warnings): readonly Address[] {
  const all: Address[] = [];
  for (const field of fields) {
    const { addresses, cut } = parseAddresses(field.value);
    const room = MAX_ADDRESSES - all.length;
    if (cut || field.cut || addresses.length > room) warnings.add(`${name}: only the first addresses were read`);
    all.push(...addresses.slice(0, room));
  }
  return all;
}

function readMessageId(field: RawField | undefined): string | undefined {
  if (!field) return undefined;
  const id = parseMessageIds(field.value)[0] ?? singleLine(field.value.replace(/[<>]/g, ''), MAX_MESSAGE_ID_CHARS);
  return id === '' ? undefined : id;
}

function readSentAt(field: RawField | undefined, warnings: Warnings): Date | undefined {
  if (!field) return undefined;
  const date = parseMailDate(field.value);
  if (!date) warnings.add('Date cannot be read');
  return date;
}

/** RFC 5321 section 4.4: the date stands after the last semicolon of a Received field. */
function readInternalDate(field: RawField | undefined, fallbackDate: Date, warnings: Warnings): Date {
  if (!field) return fallbackDate;
  const received = field.value;
  const date = parseMailDate(received.slice(received.lastIndexOf(';') + 1).trim());
  if (!date) warnings.add('date of the Received field cannot be read');
  else if (date.getTime() > fallbackDate.getTime() + MAX_AHEAD_MS)
    warnings.add('date of the Received field lies ahead');
  else return date;
  return fallbackDate;
}
