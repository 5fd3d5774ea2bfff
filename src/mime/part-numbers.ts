/**
 * Part numbers as IMAP gives them (RFC 9051 section 6.4.5.1):
 * a message without multipart is part 1; the root multipart has no number and its parts are 1, 2...; parts of a multipart 2
 * are 2.1, 2.2...; of a message/rfc822 that is part 3, a text body is 3.1, and a multipart body has the parts 3.1, 3.2...
 * That inner multipart itself has no number of its own in IMAP, only the section `3.TEXT`, so that is what it is called.
 */
export function rootNumber(multipart: boolean): string {
  return multipart ? '' : '1';
}

/** @param position from 1 */
export function childNumber(parent: string, position: number): string {
  const prefix = parent.endsWith('.TEXT') ? parent.slice(0, -'.TEXT'.length) : parent;
  return prefix === '' ? String(position) : `${prefix}.${position}`;
}

/** Of the message inside a message/rfc822. */
export function embeddedNumber(parent: string, multipart: boolean): string {
  return multipart ? `${parent}.TEXT` : `${parent}.1`;
}
