import { decodeWords } from '../mime/header-fields.js';
import { readEnvelope } from './fetch-envelope.js';
import type { FetchedRow } from './imap.mapping.js';
import { CLOSE, maxDepth, OPEN, type ResponseCursor } from './response-cursor.js';

type Structure = NonNullable<FetchedRow['bodyStructure']>;

interface Place {
  /** The part's numbers, none for the root. */
  readonly path: readonly number[];
  /** A message in a message has the same numbers, and stands deeper nevertheless. */
  readonly depth: number;
}

/**
 * Reads a BODYSTRUCTURE (RFC 9051 section 7.5.2) to what imapflow makes of it, without its tree of tokens.
 * @returns undefined for one with anything that is seldom in it; the cursor stands somewhere inside
 */
export function readStructure(cursor: ResponseCursor, place: Place = { path: [], depth: 1 }): Structure | undefined {
  const { path, depth } = place;
  if (depth > maxDepth || !cursor.passes('(')) return undefined;
  const node = {} as Structure;
  if (path.length > 0) node.part = path.join('.');
  const read = cursor.code === OPEN ? readMultipart(cursor, node, place) : readSingle(cursor, node, place);
  return read && readExtension(cursor, node) && cursor.passes(')') ? node : undefined;
}

function readMultipart(cursor: ResponseCursor, node: Structure, { path, depth }: Place): boolean {
  node.childNodes = [];
  while (cursor.code === OPEN) {
    const child = readStructure(cursor, { path: [...path, node.childNodes.length + 1], depth: depth + 1 });
    if (!child) return false;
    node.childNodes.push(child);
  }
  const subtype = nextText(cursor);
  if (!subtype || !cursor.passes(' ')) return false;
  node.type = `multipart/${subtype.toLowerCase()}`;
  return readParameters(cursor, (parameters) => (node.parameters = parameters));
}

function readSingle(cursor: ResponseCursor, node: Structure, place: Place): boolean {
  const [type, subtype] = [cursor.nstring(), nextText(cursor)];
  if (!type || !subtype || !cursor.passes(' ')) return false;
  node.type = `${type}/${subtype}`.toLowerCase();
  if (!readParameters(cursor, (parameters) => (node.parameters = parameters))) return false;
  const [id, description, encoding] = [nextText(cursor), nextText(cursor), nextText(cursor)];
  if (id === undefined || description === undefined || encoding === undefined) return false;
  if (id !== null) node.id = id;
  if (description !== null) node.description = description;
  if (encoding !== null) node.encoding = encoding.toLowerCase();
  const size = nextNumber(cursor);
  if (size === undefined) return false;
  node.size = size;
  if (node.type === 'message/rfc822' && !readEnclosed(cursor, node, place)) return false;
  if (node.type.startsWith('text/') && !readLineCount(cursor, node)) return false;
  const md5 = nextText(cursor);
  if (md5) node.md5 = md5.toLowerCase();
  return md5 !== undefined && md5 !== '';
}

/** The numbers of the message's parts begin with that of the message. */
function readEnclosed(cursor: ResponseCursor, node: Structure, { path, depth }: Place): boolean {
  const envelope = cursor.passes(' ') ? readEnvelope(cursor) : undefined;
  const child = envelope && cursor.passes(' ') ? readStructure(cursor, { path, depth: depth + 1 }) : undefined;
  if (!envelope || !child) return false;
  node.envelope = envelope;
  node.childNodes = [child];
  return readLineCount(cursor, node);
}

function readLineCount(cursor: ResponseCursor, node: Structure): boolean {
  const lineCount = nextNumber(cursor);
  if (lineCount !== undefined) node.lineCount = lineCount;
  return lineCount !== undefined;
}

/** Disposition, language and location; all of them, and nothing behind them. */
function readExtension(cursor: ResponseCursor, node: Structure): boolean {
  return cursor.passes(' ') && readDisposition(cursor, node) && cursor.passes(' NIL NIL') && cursor.code === CLOSE;
}

function readDisposition(cursor: ResponseCursor, node: Structure): boolean {
  if (cursor.nil()) return true;
  const disposition = cursor.passes('(') ? cursor.nstring() : undefined;
  if (!disposition || !cursor.passes(' ')) return false;
  node.disposition = disposition.toLowerCase();
  return readParameters(cursor, (parameters) => (node.dispositionParameters = parameters)) && cursor.passes(')');
}

/** @returns whether it was ordinary: pairs of strings, without what RFC 2231 makes of them */
function readParameters(cursor: ResponseCursor, put: (parameters: Record<string, string>) => void): boolean {
  if (cursor.nil()) return true;
  if (!cursor.passes('(')) return false;
  const parameters: Record<string, string> = {};
  do {
    const [name, value] = [cursor.nstring(), nextText(cursor)];
    if (!name || typeof value !== 'string' || !isOrdinary(name, value)) return false;
    parameters[name.toLowerCase()] = decodeWords(value);
  } while (cursor.passes(' '));
  put(parameters);
  return cursor.passes(')');
}

/** No continuation or encoded value (RFC 2231), and no name that means something else in an object. */
const isOrdinary = (name: string, value: string): boolean =>
  /^(?!constructor$|prototype$)[a-z0-9-]+$/i.test(name) && !value.includes("'");

const nextText = (cursor: ResponseCursor): string | null | undefined =>
  cursor.passes(' ') ? cursor.nstring() : undefined;

const nextNumber = (cursor: ResponseCursor): number | undefined => (cursor.passes(' ') ? cursor.number() : undefined);
