import { parseAddressHeader } from 'mailparser';
import type { Address } from '../mailbox/model/message.js';
import { singleLine, withoutBidi } from './clean-text.js';
import { MAX_ADDRESS_CHARS, MAX_ADDRESSES, MAX_FIELD_BYTES, MAX_NAME_CHARS } from './mime.limits.js';

export interface AddressList {
  readonly addresses: readonly Address[];
  /** There were more, or the field was longer than what is read of it. */
  readonly cut: boolean;
}

interface ParsedAddress {
  readonly name: string;
  readonly address?: string;
  readonly group?: readonly ParsedAddress[];
}

// Nine in ten addresses look like this, and reading them here costs a tenth of the parser's time.
const PLAIN = /^(?:"([\w .,'&/+-]{0,100})"|([\w.'&/+-]+(?: [\w.'&/+-]+){0,10}))? ?<([\w.+=-]{1,64}@[\w.-]{1,255})>$/;
const BARE = /^[\w.+=-]{1,64}@[\w.-]{1,255}$/;

/**
 * Addresses of a From, To... field (RFC 5322 section 3.4). A group stands in the list as its name without an address,
 * followed by its members: as IMAP's ENVELOPE has it, and "undisclosed-recipients" is not lost.
 *
 * mailparser's own reader does it, which knows more broken forms than we ever shall and decodes no encoded word into an
 * address. Its time grows with the length of the field, so the length is bounded before it is fed.
 * @param value unfolded, encoded words still in it
 */
export function parseAddresses(value: string): AddressList {
  const plain = parsePlain(value);
  if (plain) return { addresses: [plain], cut: false };
  const fed = cutAtComma(value);
  const out: Address[] = [];
  const all = collect(readAddresses(fed), out);
  return { addresses: out, cut: !all || fed.length < value.length };
}

function parsePlain(value: string): Address | undefined {
  if (BARE.test(value)) return { address: value };
  const match = PLAIN.exec(value);
  if (!match) return undefined;
  const name = (match[1] ?? match[2] ?? '').trim();
  return name === '' ? { address: match[3] } : { name, address: match[3] };
}

function readAddresses(value: string): readonly ParsedAddress[] {
  try {
    // Punycode stays as it is: what IMAP's ENVELOPE gives, and what no look-alike letter hides in.
    return parseAddressHeader(value, { decodePunycode: false }).value;
  } catch {
    return [{ name: value }];
  }
}

/** @returns whether all of them had room */
function collect(parsed: readonly ParsedAddress[], out: Address[]): boolean {
  for (const one of parsed) {
    if (out.length >= MAX_ADDRESSES) return false;
    const address = cleanAddress(one);
    if (address) out.push(address);
    if (one.group && !collect(one.group, out)) return false;
  }
  return true;
}

function cleanAddress(one: ParsedAddress): Address | undefined {
  const name = withoutBidi(singleLine(one.name, MAX_NAME_CHARS));
  const address = singleLine(one.address ?? '', MAX_ADDRESS_CHARS + 1);
  const known = address !== '' && address.length <= MAX_ADDRESS_CHARS;
  if (!known && name === '') return undefined;
  return { ...(name !== '' && { name }), ...(known && { address }) };
}

/** No half address at the end: that could be another one. */
function cutAtComma(value: string): string {
  if (value.length < MAX_FIELD_BYTES) return value;
  const cut = value.slice(0, MAX_FIELD_BYTES);
  return cut.slice(0, Math.max(cut.lastIndexOf(','), 0));
}
