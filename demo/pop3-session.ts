import type { Socket } from 'node:net';
import type { Maildrop, MaildropMessage } from './pop3-maildrop.js';
import { multiline, topOf } from './pop3-octets.js';

const MAX_LINE_OCTETS = 255; // RFC 2449 section 4
const AUTOLOGOUT_MS = 10 * 60_000; // RFC 1939 section 3
const CAPABILITIES = [
  'USER',
  'TOP',
  'UIDL',
  'PIPELINING',
  'RESP-CODES',
  'EXPIRE NEVER',
  'IMPLEMENTATION mailroom-demo',
];

type Command = (argument: string) => string | Buffer;

interface Transaction {
  /** By message number less one, fixed for the session. */
  readonly messages: readonly MaildropMessage[];
  readonly deleted: Set<MaildropMessage>;
}

/** One connection: AUTHORIZATION, TRANSACTION, and UPDATE when it ends by QUIT (RFC 1939 section 3). */
export class Pop3ServerSession {
  private input = '';
  private user: string | undefined;
  private transaction: Transaction | undefined;

  constructor(
    private readonly socket: Socket,
    private readonly maildrop: Maildrop,
    private readonly login: { readonly user: string; readonly password: string },
  ) {}

  start(): void {
    this.socket.setTimeout(AUTOLOGOUT_MS, () => this.socket.destroy());
    this.socket.on('error', () => this.socket.destroy());
    // Without QUIT nothing is deleted (RFC 1939 section 6).
    this.socket.on('close', () => this.endTransaction(new Set()));
    this.socket.setEncoding('latin1').on('data', (text: string) => this.receive(text));
    this.socket.write('+OK demo maildrop ready\r\n');
  }

  private receive(text: string): void {
    const lines = (this.input + text).split('\n');
    this.input = lines.pop() ?? '';
    if ([this.input, ...lines].some((line) => line.length > MAX_LINE_OCTETS)) {
      this.socket.end('-ERR line too long\r\n');
      return;
    }
    for (const line of lines) {
      if (this.socket.writableEnded) return;
      this.answer(line.replace(/\r$/, ''));
    }
  }

  private answer(line: string): void {
    const [, verb = '', argument = ''] = /^(\S*) ?(.*)$/.exec(line) ?? [];
    const name = verb.toUpperCase();
    const commands = this.transaction ? this.transactionCommands(this.transaction) : this.authorizationCommands;
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
    this.socket.write(command ? command(argument) : `-ERR ${name} is not known here\r\n`);
    if (name === 'QUIT') this.socket.end();
  }

  private readonly authorizationCommands: Readonly<Record<string, Command>> = {
    CAPA: () => capabilities(),
    QUIT: () => ok('bye'),
    USER: (name) => {
      this.user = name;
      return ok('now the password');
    },
    // A password may hold spaces, so the whole rest of the line is it (RFC 1939 section 7).
    PASS: (password) => this.signIn(password),
  };

  private transactionCommands(transaction: Transaction): Readonly<Record<string, Command>> {
    const { messages, deleted } = transaction;
    const withMessage = (use: (message: MaildropMessage, number: number) => string | Buffer) => (argument: string) => {
      const number = /^\d+$/.test(argument) ? Number(argument) : 0;
      const message = messages[number - 1];
      return message && !deleted.has(message) ? use(message, number) : err('no such message');
    };
    const listing = (field: (message: MaildropMessage) => string | number) => (argument: string) => {
      if (argument !== '') return withMessage((message, number) => ok(`${number} ${field(message)}`))(argument);
      const rows = messages.flatMap((one, at) => (deleted.has(one) ? [] : [`${at + 1} ${field(one)}\r\n`]));
      return multiline(`${rows.length} messages`, Buffer.from(rows.join('')));
    };
    return {
      CAPA: () => capabilities(),
      NOOP: () => ok(''),
      STAT: () => {
        const left = messages.filter((message) => !deleted.has(message));
        return ok(`${left.length} ${left.reduce((sum, message) => sum + message.octets.length, 0)}`);
      },
      LIST: listing((message) => message.octets.length),
      UIDL: listing((message) => message.uidl),
      RETR: withMessage((message) => multiline(`${message.octets.length} octets`, message.octets)),
      TOP: (argument) => {
        const [number = '', lines = ''] = argument.split(' ');
        if (!/^\d+$/.test(lines)) return err('TOP takes a message and a number of lines');
        return withMessage((message) => multiline('top of message', topOf(message.octets, Number(lines))))(number);
      },
      DELE: withMessage((message, number) => {
        deleted.add(message);
        return ok(`message ${number} marked`);
      }),
      RSET: () => {
        deleted.clear();
        return ok('nothing is marked');
      },
      QUIT: () => {
        this.endTransaction(deleted);
        return ok('bye');
      },
    };
  }

  private signIn(password: string): string {
    if (this.user !== this.login.user || password !== this.login.password) return err('[AUTH] wrong user or password');
    const messages = this.maildrop.acquire();
    if (!messages) return err('[IN-USE] another session has the maildrop');
    this.transaction = { messages, deleted: new Set() };
    return ok(`${messages.length} messages`);
  }

  private endTransaction(deleted: ReadonlySet<MaildropMessage>): void {
    if (!this.transaction) return;
    this.transaction = undefined;
    this.maildrop.release(deleted);
  }
}

function capabilities(): Buffer {
  return multiline('capabilities', Buffer.from(CAPABILITIES.map((capability) => `${capability}\r\n`).join('')));
}

function ok(text: string): string {
  return `+OK ${text}\r\n`;
}

function err(text: string): string {
  return `-ERR ${text}\r\n`;
}
