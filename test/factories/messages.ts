import iconv from 'iconv-lite';

export interface MessageInput {
  readonly subject?: string;
  readonly from?: string;
  readonly to?: string;
  /** For the Date header. */
  readonly sentAt?: Date;
  /** For the topmost Received header, which is what POP3 has in place of an internal date; absent: no such header. */
  readonly receivedAt?: Date;
  /** Without its angle brackets. */
  readonly messageId?: string;
  /** Further header lines, complete and in order, e.g. `['In-Reply-To: <a@b>']`. */
  readonly headers?: readonly string[];
  /** LF line ends become CRLF. */
  readonly body?: string;
}

let made = 0;

/** A well-formed message. What is not given is plain ASCII and differs from message to message. */
export function message(input: MessageInput = {}): Buffer {
  made += 1;
  const { subject = `Message ${made}`, from = 'Ann <ann@example.org>', to = 'bob@example.org' } = input;
  const { sentAt = new Date('2026-01-01T12:00:00Z'), receivedAt, messageId = `${made}@example.org` } = input;
  const lines = [
    ...(receivedAt ? [`Received: from mx.example.org by example.org; ${dateTime(receivedAt)}`] : []),
    `From: ${from}`,
    `To: ${to}`,
    `Subject: ${subject}`,
    `Date: ${dateTime(sentAt)}`,
    `Message-ID: <${messageId}>`,
    ...(input.headers ?? []),
    '',
    ...(input.body ?? 'Hello\n').split('\n'),
  ];
  return Buffer.from(lines.join('\r\n'));
}

/** A multipart entity: header lines and body to be put into {@link message}, or as a part into another one. */
function multipart(subtype: string, parts: readonly string[]): { headers: string[]; body: string } {
  const boundary = `=_${subtype}_${(made += 1)}`;
  return {
    headers: ['MIME-Version: 1.0', `Content-Type: multipart/${subtype}; boundary="${boundary}"`],
    body: `${parts.map((one) => `--${boundary}\n${one}\n`).join('')}--${boundary}--\n`,
  };
}

/** One part: its header lines, a blank line and its content. */
function part(headers: readonly string[], content: string): string {
  return `${headers.join('\n')}\n\n${content}`;
}

/** A message with an attachment of that many octets, any value of which occurs. */
export function messageWithAttachment(sizeBytes: number, input: MessageInput = {}): Buffer {
  const content = Buffer.alloc(sizeBytes, Buffer.from(Array.from({ length: 256 }, (_, octet) => octet)));
  const { headers, body } = multipart('mixed', [
    part(['Content-Type: text/plain; charset=utf-8'], 'See the attachment.'),
    part(
      [
        'Content-Type: application/octet-stream; name="data.bin"',
        'Content-Disposition: attachment; filename="data.bin"',
        'Content-Transfer-Encoding: base64',
      ],
      content.toString('base64').replaceAll(/.{76}/g, '$&\n'),
    ),
  ]);
  return message({ ...input, headers: [...(input.headers ?? []), ...headers], body });
}

/**
 * Messages that real servers hold and parsers stumble over. Each must be listed, and come back octet by octet but for two
 * things: IMAP cannot carry NUL in a string (RFC 9051 section 4.3), so Dovecot writes 0x80 in its place, and POP3 ends
 * every message with a line end.
 */
export function oddMessages(): Record<string, Buffer> {
  const raw = (text: string): Buffer => Buffer.from(text, 'latin1');
  return {
    'no header': raw('\r\nOnly a body.\r\n'),
    'no body': raw('From: ann@example.org\r\nSubject: no body\r\n\r\n'),
    'no blank line': raw('From: ann@example.org\r\nSubject: no blank line'),
    'neither header nor body': raw('\r\n'),
    'octets above 127 in the header': iconv.encode(
      'From: Büro Süd <buero@example.org>\r\nSubject: Prüfung\r\n\r\nGrüße\r\n',
      'windows-1252',
    ),
    'NUL in header and body': raw('From: ann@example.org\r\nSubject: nu\0l\r\n\r\nbe\0fore\r\n'),
    'lone dots': raw('Subject: dots\r\n\r\n.\r\n..\r\n.x\r\n'),
    'unknown charset': raw(
      'Subject: =?x-none?B?4fLz?=\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=x-none\r\n\r\n\xe1\xf2\xf3\r\n',
    ),
    'wrong charset': raw(
      'Subject: =?utf-8?Q?=E1=F2?=\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\xe1\xf2\r\n',
    ),
    'boundary that never comes': raw(
      'Subject: cut\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\ntext',
    ),
    'date that is none': raw('Subject: when\r\nDate: the day after\r\n\r\nx\r\n'),
    'ten thousand recipients': raw(
      `Subject: all\r\nTo: ${Array.from({ length: 10_000 }, (_, at) => `a${at}@example.org`).join(',\r\n ')}\r\n\r\nx\r\n`,
    ),
    'a line of a megabyte': raw(`Subject: long\r\n\r\n${'x'.repeat(1_048_576)}\r\n`),
  };
}

function dateTime(date: Date): string {
  return date.toUTCString().replace('GMT', '+0000');
}
