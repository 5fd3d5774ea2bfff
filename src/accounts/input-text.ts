import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { z } from 'zod';

/**
 * One line of text that may go into a protocol command: no CR, LF, NUL or other control character, whatever quoting would make
 * of it (command injection).
 */
export const line = (max: number) =>
  z
    .string()
    .min(1, 'must not be empty')
    .max(max, `must have at most ${max} characters`)
    .regex(/^\P{Cc}*$/u, 'must not contain line breaks or other control characters');

/** `domainToASCII` would drop line breaks and stop at the first slash, as URLs do. */
const NEVER_IN_NAMES = /[\s\p{Cc}/\\?#@:%]/u;
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/;

/** A host name, in ASCII (RFC 5891), or an IP address without brackets. */
export const hostName = z.string().transform((text, ctx) => {
  const name = text
    .trim()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
  if (isIP(name) > 0) return name;
  const ascii = NEVER_IN_NAMES.test(name) ? '' : domainToASCII(name);
  if (isIP(ascii) > 0 || HOST_NAME.test(ascii)) return ascii;
  ctx.addIssue('must be a host name or an IP address, without a scheme, a port or a path');
  return z.NEVER;
});
