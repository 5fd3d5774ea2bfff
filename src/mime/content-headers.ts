import libmime from 'libmime';
import { cleanFilename, singleLine } from './clean-text.js';
import { decodeWords, type RawField } from './header-fields.js';
import { MAX_BOUNDARY_BYTES, MAX_CONTENT_TYPE_CHARS, MAX_MESSAGE_ID_CHARS } from './mime.limits.js';

/** What a part's header says of its body (RFC 2045, 2183), with the defaults filled in. */
export interface ContentHeaders {
  readonly contentType: string;
  readonly charset?: string;
  /** Of a multipart: what stands after the two dashes; absent where there is none that can be found. */
  readonly boundary?: string;
  readonly encoding: string;
  readonly disposition?: string;
  readonly filename?: string;
  readonly contentId?: string;
}

interface ParameterValue {
  readonly value: string;
  readonly params: Readonly<Record<string, string>>;
  readonly decodedParams: readonly string[];
}

const TYPE = /^[a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]+$/;
const NOTHING: ParameterValue = { value: '', params: {}, decodedParams: [] };

/**
 * @param inDigest a part of a multipart/digest is a message unless it says otherwise (RFC 2046 section 5.1.5)
 */
export function readContentHeaders(fields: readonly RawField[], inDigest: boolean): ContentHeaders {
  const type = parseParameters(findField(fields, 'content-type'));
  const disposition = parseParameters(findField(fields, 'content-disposition'));
  const contentType = cleanType(type.value) ?? (type.value === '' && inDigest ? 'message/rfc822' : 'text/plain');
  const boundary = contentType.startsWith('multipart/') ? cleanBoundary(type.params.boundary) : undefined;
  const filename = cleanFilename(textParameter(disposition, 'filename') ?? textParameter(type, 'name') ?? '');
  const contentId = stripBrackets(findField(fields, 'content-id') ?? '');
  const charset = singleLine(type.params.charset ?? '', 64).toLowerCase();
  const kind = singleLine(disposition.value, 64).toLowerCase();
  return {
    contentType,
    encoding: cleanEncoding(findField(fields, 'content-transfer-encoding')),
    ...(charset !== '' && { charset }),
    ...(boundary !== undefined && { boundary }),
    ...(kind !== '' && { disposition: kind }),
    ...(filename !== undefined && { filename }),
    ...(contentId !== '' && { contentId }),
  };
}

/** The first of a name counts, as for IMAP servers and other readers: two may not see two different messages. */
function findField(fields: readonly RawField[], name: string): string | undefined {
  return fields.find((field) => field.key === name)?.value;
}

function parseParameters(value: string | undefined): ParameterValue {
  if (value === undefined) return NOTHING;
  try {
    return libmime.parseHeaderValue(value, { stripComments: true });
  } catch {
    return NOTHING;
  }
}

/** RFC 2231 forms are decoded already; encoded words (RFC 2047) do not belong here but are common. */
function textParameter(parsed: ParameterValue, name: string): string | undefined {
  const value = Object.hasOwn(parsed.params, name) ? parsed.params[name] : undefined;
  if (value === undefined || value === '') return undefined;
  return parsed.decodedParams.includes(name) ? value : decodeWords(value);
}

function cleanType(value: string): string | undefined {
  const type = value.toLowerCase().replaceAll(' ', '');
  return type.length <= MAX_CONTENT_TYPE_CHARS && TYPE.test(type) ? type : undefined;
}

function cleanBoundary(value: string | undefined): string | undefined {
  // Trailing space is dropped by gateways (RFC 2046 section 5.1.1), and a delimiter line may end in some anyway.
  const boundary = value?.trimEnd().slice(0, MAX_BOUNDARY_BYTES) ?? '';
  return /^[\x20-\x7e]+$/.test(boundary) ? boundary : undefined;
}

function cleanEncoding(value = ''): string {
  const encoding = value
    .replace(/\([^()]*\)/g, '')
    .trim()
    .toLowerCase();
  return /^[a-z0-9-]{1,40}$/.test(encoding) ? encoding : '7bit';
}

function stripBrackets(value: string): string {
  const id = singleLine(value, MAX_MESSAGE_ID_CHARS);
  return id.startsWith('<') && id.endsWith('>') ? id.slice(1, -1).trim() : id;
}
