import type { WireLog } from '../../src/mailbox/connection.port.js';

/** Keeps what it is told, as `C: text`. */
export class RecordedWireLog implements WireLog {
  readonly lines: string[] = [];

  note(from: 'C' | 'S' | '-', _connection: number, text: string): void {
    this.lines.push(`${from}: ${text}`);
  }

  nextConnection(): number {
    return 1;
  }
}

const encodings: readonly ((text: Buffer) => string)[] = [
  (text) => text.toString('latin1'),
  (text) => text.toString('utf8'),
  (text) => text.toString('latin1').replace(/[\\"]/g, '\\$&'),
  (text) => text.toString('base64'),
  (text) => text.toString('base64url'),
  (text) => text.toString('hex'),
  (text) => encodeURIComponent(text.toString('utf8')),
];

/** The same secret in every way a server could give it back: as it is, encoded, and inside the messages of SASL. */
export function spellings(username: string, secret: string): readonly string[] {
  const messages = [
    secret,
    `\0${username}\0${secret}`,
    `${username}\0${username}\0${secret}`,
    `user=${username}\x01auth=Bearer ${secret}\x01\x01`,
    `n,a=${username},\x01host=mail.example\x01port=993\x01auth=Bearer ${secret}\x01\x01`,
  ];
  return messages.flatMap((message) => encodings.map((encode) => encode(Buffer.from(message))));
}

/** Where the secret shows, however it is written; empty where it does not. */
export function leaks(lines: readonly string[], secret: string): readonly string[] {
  const plain = encodings.map((encode) => encode(Buffer.from(secret)));
  return lines.filter((line) => {
    const insides = line.match(/[\w+/=-]{4,}/g)?.flatMap((word) => decodings(word)) ?? [];
    return [line, ...insides].some((text) => plain.some((form) => text.includes(form)));
  });
}

const decodings = (word: string): readonly string[] =>
  [0, 1, 2, 3].flatMap((from) => {
    const octets = Buffer.from(word.slice(from), 'base64');
    return [octets.toString('latin1'), octets.toString('utf8')];
  });
