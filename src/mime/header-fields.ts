import { isUtf8 } from 'node:buffer';
import libmime from 'libmime';
import type { HeaderField } from '../mailbox/model/message.js';
import { cutText, storableText } from './clean-text.js';
import { MAX_FIELD_BYTES, MAX_FIELD_CHARS, MAX_HEADER_BYTES, MAX_HEADER_FIELDS } from './mime.limits.js';
import { asBuffer, type ByteSource } from './byte-source.js';

const LF = 10;
const CR = 13;
const SP = 32;
const TAB = 9;
const COLON = 58;

/** A field as it stands. Most are never asked for their value, so it is made when it is. */
export class RawField {
  /** The name in lower case. */
  readonly key: string;
  private unfolded: string | undefined;

  constructor(
    /** As written. */
    readonly name: string,
    private readonly octets: Buffer,
  ) {
    this.key = name.toLowerCase();
  }

  /** Unfolded but not decoded; octets above 127 read as UTF-8, else as Latin-1. */
  get value(): string {
    this.unfolded ??= unfold(this.octets.subarray(0, MAX_FIELD_BYTES));
    return this.unfolded;
  }

  /** The value was longer than what is read of one. */
  get cut(): boolean {
    return this.octets.length > MAX_FIELD_BYTES;
  }
}

export interface HeaderSection {
  readonly fields: readonly RawField[];
  /** Octets up to and with the empty line; all of the input where there is none. */
  readonly sizeBytes: number;
  /** More octets or fields than are read. */
  readonly cut: boolean;
}

/**
 * Splits a header section into its fields (RFC 5322 section 2.2). Lines that are no field are left out, as mail programs do.
 * @param octets starts at the header; what follows the empty line is not looked at
 */
export function splitHeader(octets: Buffer): HeaderSection {
  const fields: RawField[] = [];
  let at = 0;
  let cut = false;
  const limit = Math.min(octets.length, MAX_HEADER_BYTES);
  while (at < limit) {
    if (isEmptyLine(octets, at)) return { fields, sizeBytes: octets.indexOf(LF, at) + 1, cut };
    const end = fieldEnd(octets, at, limit);
    if (fields.length < MAX_HEADER_FIELDS) pushField(fields, octets, at, end);
    else cut = true;
    at = end;
  }
  return { fields, sizeBytes: octets.length, cut: cut || octets.length > MAX_HEADER_BYTES };
}

/** All fields in order, unfolded and decoded (RFC 2047, RFC 2231 left as written), for showing. */
export function decodeHeaderFields(rawHeader: Buffer): HeaderField[] {
  return splitHeader(rawHeader).fields.map(({ name, value }) => ({
    name: storableText(name),
    value: decodeField(value),
  }));
}

/** Encoded words (RFC 2047) to text; never throws. */
export function decodeWords(value: string): string {
  if (!value.includes('=?')) return value;
  try {
    return libmime.decodeWords(value);
  } catch {
    return value;
  }
}

/** Reads a message only as far as its header section goes, with the empty line. */
export async function readHeader(source: ByteSource): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  let tail: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    // The last octets of what came before are looked at again: an empty line may be cut in two.
    tail = Buffer.concat([tail.subarray(-2), chunk]);
    chunks.push(asBuffer(chunk));
    sizeBytes += chunk.length;
    if (sizeBytes >= MAX_HEADER_BYTES || tail.includes('\n\n') || tail.includes('\n\r\n')) break;
  }
  const octets = Buffer.concat(chunks);
  return octets.subarray(0, splitHeader(octets).sizeBytes);
}

function pushField(fields: RawField[], octets: Buffer, start: number, end: number): void {
  let colon = start;
  while (colon < end && octets[colon] !== COLON && octets[colon] !== LF) colon += 1;
  if (octets[colon] !== COLON || colon === start) return;
  const name = octets.toString('latin1', start, colon).trimEnd();
  // A space inside is no field name but an mbox "From " line or text that got lost in here.
  if (name === '' || name.includes(' ') || name.length > 200) return;
  fields.push(new RawField(name, octets.subarray(colon + 1, end)));
}

/** Field values are UTF-8 where they can be (RFC 6532); older programs sent their local charset, most often Latin-1. */
function unfold(octets: Buffer): string {
  const text = octets.toString('latin1');
  const decoded = /[\x80-\xff]/.test(text) && isUtf8(octets) ? octets.toString('utf8') : text;
  return (decoded.includes('\n') ? decoded.replace(/\r?\n/g, '') : decoded).trim();
}

function decodeField(value: string): string {
  const text = decodeWords(value)
    .replace(/[\t\r\n]+/g, ' ')
    .trim();
  return storableText(cutText(text, MAX_FIELD_CHARS));
}

/** After the line and those that continue it (RFC 5322 section 2.2.3). */
function fieldEnd(octets: Buffer, start: number, limit: number): number {
  let at = start;
  do {
    const lf = octets.indexOf(LF, at);
    if (lf === -1 || lf >= limit) return limit;
    at = lf + 1;
  } while (at < limit && (octets[at] === SP || octets[at] === TAB));
  return at;
}

function isEmptyLine(octets: Buffer, at: number): boolean {
  return octets[at] === LF || (octets[at] === CR && octets[at + 1] === LF);
}
