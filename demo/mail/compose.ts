import iconv from 'iconv-lite';
import type { Options } from 'nodemailer/lib/mailer/index.js';
import MailComposer from 'nodemailer/lib/mail-composer';

/** A message for a demo server, with what the server itself knows about it. */
export interface SampleMessage {
  /** RFC 5322 octets, CRLF line ends. */
  readonly octets: Buffer;
  readonly receivedAt: Date;
  /** IMAP flags and keywords. */
  readonly flags: readonly string[];
}

export interface SampleInput extends Options {
  readonly hoursAgo: number;
  readonly flags?: readonly string[];
}

export const SEEN = '\\Seen';
export const FLAGGED = '\\Flagged';
export const ANSWERED = '\\Answered';

/** A message as a modern program writes it: UTF-8, MIME, everything in order. */
export async function compose({ hoursAgo, flags = [], ...options }: SampleInput): Promise<SampleMessage> {
  const receivedAt = before(hoursAgo);
  const node = new MailComposer({ date: receivedAt, xMailer: false, newline: 'windows', ...options }).compile();
  return { octets: await node.build(), receivedAt, flags };
}

export interface RawInput {
  readonly hoursAgo: number;
  readonly flags?: readonly string[];
  /** Written as they are, but for `Date`, which is added. */
  readonly headers: readonly string[];
  readonly body: string;
  /** Of header and body; `latin1` leaves every character as one octet. */
  readonly charset?: string;
}

/** A message as older programs write it: octets of an old charset, in the header too, and no help for the reader. */
export function raw({ hoursAgo, flags = [], headers, body, charset = 'latin1' }: RawInput): SampleMessage {
  const receivedAt = before(hoursAgo);
  const lines = [...headers, `Date: ${receivedAt.toUTCString().replace('GMT', '+0000')}`, '', ...body.split('\n')];
  return { octets: iconv.encode(`${lines.join('\r\n')}\r\n`, charset), receivedAt, flags };
}

/** An encoded-word in any charset (RFC 2047 section 2, base64). */
export function encodedWord(text: string, charset: string): string {
  return `=?${charset}?B?${base64In(text, charset)}?=`;
}

/** Text as base64 of its octets in that charset, on one line. */
export function base64In(text: string, charset: string): string {
  return iconv.encode(text, charset).toString('base64');
}

function before(hoursAgo: number): Date {
  return new Date(Math.floor(Date.now() / 1000) * 1000 - hoursAgo * 3_600_000);
}
