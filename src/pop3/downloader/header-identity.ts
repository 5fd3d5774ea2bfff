import { hash } from 'node:crypto';
import { splitHeader } from '../../mime/header-fields.js';

/**
 * Fields that servers add, change or leave out from one session to the next: mbox files keep flags in them, and some servers put
 * their unique-id into what RETR sends and not into what TOP sends.
 */
const VOLATILE = new Set([
  'content-length',
  'lines',
  'status',
  'x-imap',
  'x-imapbase',
  'x-keywords',
  'x-mozilla-keys',
  'x-mozilla-status',
  'x-mozilla-status2',
  'x-status',
  'x-uid',
  'x-uidl',
]);

/** Without one of these the header may be that of many messages. */
const TELLING = new Set(['message-id', 'received']);

/**
 * Recognises a message by its header, as RETR gave it before or as TOP gives it now.
 * @param octets the message, or its beginning
 * @returns      SHA-256 in hex; undefined where the header is no identity
 */
export function headerIdentity(octets: Buffer): string | undefined {
  const { fields } = splitHeader(octets);
  if (!fields.some(({ key }) => TELLING.has(key))) return undefined;
  const lasting = fields.filter(({ key }) => !VOLATILE.has(key));
  return hash('sha256', lasting.map(({ key, value }) => `${key}:${value}\n`).join(''), 'hex');
}
