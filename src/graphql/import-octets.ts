import { invalidInput, MailError } from '../mailbox/mailbox.errors.js';

const field = ['input', 'rawBase64'];

/**
 * The octets of an import. `Buffer` skips what is not base64; here that is an error, so that no message is stored mutilated.
 * @throws MailError TOO_LARGE, INVALID_INPUT
 */
export function decodeImport(base64: string, maxBytes: number): Buffer {
  const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0;
  if ((base64.length / 4) * 3 - padding > maxBytes) {
    throw new MailError('TOO_LARGE', `the message is larger than ${maxBytes} octets`, { field });
  }
  // RFC 4648 section 4: whole groups of four, no line breaks.
  if (base64.length === 0 || base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) {
    throw invalidInput(field, 'rawBase64 must be base64 with padding and without line breaks');
  }
  return Buffer.from(base64, 'base64');
}
