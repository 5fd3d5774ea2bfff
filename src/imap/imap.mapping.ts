import type { FetchMessageObject, MessageAddressObject, MessageEnvelopeObject, MessageStructureObject } from 'imapflow';
import type { RemoteFlags, RemoteMailbox, RemoteMailboxStatus, RemoteMessage } from '../mailbox/keeper.port.js';
import { modSeq, uid, type ModSeq } from '../mailbox/model/ids.js';
import type { Address, Envelope, Flags, MessageData, Part } from '../mailbox/model/message.js';
import { cleanFilename, singleLine, withoutBidi } from '../mime/clean-text.js';
import { splitHeader } from '../mime/header-fields.js';
import { parseMailDate } from '../mime/mail-date.js';
import { parseMessageIds } from '../mime/message-ids.js';
import * as bounds from '../mime/mime.limits.js';
import { childNumber, embeddedNumber, rootNumber } from '../mime/part-numbers.js';
import { Warnings } from '../mime/warnings.js';
import { toSpecialUse } from './imap.special-use.js';

export type FetchedRow = FetchMessageObject;
/** What LIST answered of one mailbox. */
interface ListedMailbox {
  readonly path: string;
  readonly delimiter?: string;
  readonly flags: ReadonlySet<string>;
  readonly specialUse?: string;
  readonly subscribed?: boolean;
  readonly status?: ReportedStatus;
}
export interface ReportedStatus {
  readonly messages?: number;
  readonly uidNext?: number;
  readonly uidValidity?: bigint;
  readonly highestModseq?: bigint;
  readonly unseen?: number;
}

/** imapflow asks for them only where the server has them (X-GM-EXT-1). */
const gmailItems = { labels: true };

/** Everything of a message but its text. Nested further or not sent by the server: `parseWarnings` says so. */
export const messageItems = {
  uid: true,
  flags: true,
  internalDate: true,
  size: true,
  envelope: true,
  bodyStructure: true,
  // ENVELOPE has no References (RFC 9051 section 7.5.2).
  headers: ['References'],
  // Asked for only of servers that have it (RFC 8474 section 5.2, X-GM-EXT-1).
  threadId: true,
  ...gmailItems,
};

/** What a server can say of a message without reading it. */
export const stubItems = { uid: true, flags: true, internalDate: true, ...gmailItems };

export const flagItems = { uid: true, flags: true, ...gmailItems };

// ---------------------------------------------------------------------------------------------------- messages

/** @returns undefined for a row that is no answer to `messageItems`, but news of the server's own accord */
export function toRemoteMessage(row: FetchedRow): RemoteMessage | undefined {
  if (!row.uid || row.internalDate === undefined || row.size === undefined) return undefined;
  const warnings = new Warnings();
  return { uid: uid(row.uid), modSeq: toModSeq(row), data: toMessageData(row, warnings) };
}

/** @returns undefined for a row without UID or flags */
export function toRemoteFlags(row: FetchedRow): RemoteFlags | undefined {
  if (!row.uid || !row.flags) return undefined;
  return { uid: uid(row.uid), flags: toFlags(row.flags, row.labels), modSeq: toModSeq(row) };
}

const toModSeq = ({ modseq }: FetchedRow): ModSeq | undefined => (modseq ? modSeq(modseq) : undefined);

function toMessageData(row: FetchedRow, warnings: Warnings): MessageData {
  if (!row.envelope) warnings.add('the mail server gave no header summary');
  if (!row.bodyStructure) warnings.add('the mail server gave no structure');
  const sizeBytes = row.size ?? 0;
  return {
    envelope: toEnvelope(row.envelope ?? {}, row.headers, warnings),
    flags: toFlags(row.flags ?? new Set(), row.labels),
    internalDate: toDate(row.internalDate) ?? new Date(0),
    sizeBytes,
    root: row.bodyStructure ? new PartTree(warnings).root(row.bodyStructure) : unknownPart(sizeBytes),
    emailId: row.emailId ? singleLine(row.emailId, 255) : undefined,
    serverThreadId: row.threadId ? singleLine(row.threadId, 255) : undefined,
    parseWarnings: warnings.list(),
  };
}

/** Readable as text, which it most often is. */
const unknownPart = (sizeBytes: number): Part => ({ partNumber: '1', contentType: 'text/plain', sizeBytes, parts: [] });

/**
 * `\Deleted` and `\Recent` say nothing to the reader of a mailbox; other unknown backslash flags are the server's own. Labels of
 * Gmail are keywords, but for those that say in which mailbox the message is.
 */
export function toFlags(flags: ReadonlySet<string>, labels?: ReadonlySet<string>): Flags {
  const keywords: string[] = [];
  const system: string[] = [];
  for (const flag of flags) {
    if (flag.startsWith('\\')) system.push(flag.toLowerCase());
    else if (flag !== '') keywords.push(singleLine(flag, 200));
  }
  for (const label of labels ?? []) {
    const keyword = toKeyword(label);
    if (keyword) keywords.push(keyword);
  }
  return {
    seen: system.includes('\\seen'),
    flagged: system.includes('\\flagged'),
    answered: system.includes('\\answered'),
    draft: system.includes('\\draft'),
    keywords: keywords.length > 1 ? [...new Set(keywords)].sort() : keywords,
  };
}

/** RFC 8457 section 3 has a keyword for what Gmail shows as a label. */
const importantKeyword = '$Important';
const importantLabel = '\\Important';

/** The label of Gmail's that is read as this keyword. */
export const toLabel = (keyword: string): string => (keyword === importantKeyword ? importantLabel : keyword);

function toKeyword(label: string): string | undefined {
  if (label.toLowerCase() === importantLabel.toLowerCase()) return importantKeyword;
  return label === '' || label.startsWith('\\') ? undefined : singleLine(label, 200);
}

function toEnvelope(envelope: MessageEnvelopeObject, headers: Buffer | undefined, warnings: Warnings): Envelope {
  const from = toAddresses(envelope.from, warnings);
  // Where a message names neither, servers say its From: the reader of the response gives the same list again.
  const addresses = (list: MessageAddressObject[] | undefined): Address[] =>
    list === envelope.from ? from : toAddresses(list, warnings);
  const sentAt = toDate(envelope.date);
  if (envelope.date !== undefined && !sentAt) warnings.add('date could not be read');
  const subject = singleLine(envelope.subject ?? '', bounds.MAX_SUBJECT_CHARS);
  const [messageId] = parseMessageIds(cut(envelope.messageId));
  return {
    messageId,
    inReplyTo: parseMessageIds(cut(envelope.inReplyTo)),
    references: toReferences(headers),
    subject: subject || undefined,
    from,
    sender: addresses(envelope.sender),
    replyTo: addresses(envelope.replyTo),
    to: addresses(envelope.to),
    cc: addresses(envelope.cc),
    bcc: addresses(envelope.bcc),
    sentAt,
  };
}

const cut = (value = ''): string => value.slice(0, bounds.MAX_FIELD_BYTES);

function toReferences(headers: Buffer | undefined): readonly string[] {
  if (!headers || headers.length < 4) return [];
  const field = splitHeader(headers).fields.find(({ name }) => name.toLowerCase() === 'references');
  return field ? parseMessageIds(field.value) : [];
}

function toAddresses(list: readonly MessageAddressObject[] = [], warnings: Warnings): Address[] {
  if (list.length > bounds.MAX_ADDRESSES) warnings.add(`more than ${bounds.MAX_ADDRESSES} addresses in a field`);
  const addresses: Address[] = [];
  for (const { name = '', address = '' } of list.slice(0, bounds.MAX_ADDRESSES)) {
    const shown = withoutBidi(singleLine(name, bounds.MAX_NAME_CHARS));
    const usable = singleLine(address, bounds.MAX_ADDRESS_CHARS + 1);
    // A local part or host that is missing makes no address; Dovecot says MISSING_DOMAIN where there was none.
    const known = /^[^@].*@/.test(usable) && usable.length <= bounds.MAX_ADDRESS_CHARS && !usable.endsWith('@');
    if (known || shown !== '') addresses.push({ name: shown || undefined, address: known ? usable : undefined });
  }
  return addresses;
}

/** imapflow gives text where it could not read a date. */
function toDate(value: Date | string | undefined): Date | undefined {
  const date = typeof value === 'string' ? parseMailDate(value) : value;
  if (!date) return undefined;
  const year = date.getUTCFullYear();
  return year >= 1970 && year < 10_000 ? date : undefined;
}

// ---------------------------------------------------------------------------------------------------- parts

/** Turns BODYSTRUCTURE (RFC 9051 section 7.5.2) into our tree, within bounds. */
class PartTree {
  private count = 0;

  constructor(private readonly warnings: Warnings) {}

  root(node: MessageStructureObject): Part {
    return this.part(node, rootNumber(isMultipart(node)), 1);
  }

  private part(node: MessageStructureObject, partNumber: string, depth: number): Part {
    this.count += 1;
    const filename = cleanFilename(node.dispositionParameters?.filename ?? node.parameters?.name ?? '');
    const charset = lower(node.parameters?.charset);
    const contentId = singleLine(node.id ?? '', bounds.MAX_MESSAGE_ID_CHARS).replace(/^<|>$/g, '');
    return {
      partNumber,
      contentType: contentTypeOf(node),
      charset: charset || undefined,
      encoding: isMultipart(node) ? undefined : lower(node.encoding) || undefined,
      disposition: lower(node.disposition) || undefined,
      filename,
      contentId: contentId || undefined,
      sizeBytes: sizeOf(node),
      parts: this.children(node, partNumber, depth),
    };
  }

  private children(node: MessageStructureObject, partNumber: string, depth: number): Part[] {
    const children = node.childNodes ?? [];
    if (children.length === 0) return [];
    if (depth >= bounds.MAX_DEPTH) {
      this.warnings.add('parts are nested too deep');
      return [];
    }
    const parts: Part[] = [];
    for (const [index, child] of children.entries()) {
      if (this.count >= bounds.MAX_PARTS) {
        this.warnings.add(`more than ${bounds.MAX_PARTS} parts`);
        break;
      }
      const number = isMultipart(node)
        ? childNumber(partNumber, index + 1)
        : embeddedNumber(partNumber, isMultipart(child));
      parts.push(this.part(child, number, depth + 1));
    }
    return parts;
  }
}

const isMultipart = ({ type }: MessageStructureObject): boolean => type.startsWith('multipart/');

const lower = (value: string | undefined): string => (value ? singleLine(value, 64).toLowerCase() : '');

function contentTypeOf({ type }: MessageStructureObject): string {
  const clean = singleLine(type, bounds.MAX_CONTENT_TYPE_CHARS).toLowerCase();
  return /^[^/\s]+\/[^/\s]+$/.test(clean) ? clean : 'application/octet-stream';
}

const sizeOf = ({ size }: MessageStructureObject): number =>
  size !== undefined && Number.isSafeInteger(size) && size > 0 ? size : 0;

// ---------------------------------------------------------------------------------------------------- mailboxes

export function toRemoteMailbox(listed: ListedMailbox): RemoteMailbox {
  const attributes = new Set([...listed.flags].map((flag) => flag.toLowerCase()));
  const selectable = !attributes.has('\\noselect') && !attributes.has('\\nonexistent');
  const specialUse = toSpecialUse(listed);
  const status = listed.status && toStatus(listed.status);
  return {
    path: listed.path,
    ...(listed.delimiter && { delimiter: listed.delimiter }),
    ...(specialUse && { specialUse }),
    subscribed: listed.subscribed ?? false,
    selectable,
    ...(selectable && status && { status }),
  };
}

/** @returns undefined where the server left out what tells one state of a mailbox from another */
export function toStatus({
  messages,
  uidNext,
  uidValidity,
  highestModseq,
}: ReportedStatus): RemoteMailboxStatus | undefined {
  if (messages === undefined || uidNext === undefined || uidValidity === undefined) return undefined;
  return { messages, uidNext, uidValidity, ...(highestModseq !== undefined && { highestModSeq: highestModseq }) };
}
