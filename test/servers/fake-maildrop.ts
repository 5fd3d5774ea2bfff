import { multiline } from './pop3-script.js';
import { ScriptedServer, type ScriptedPeer } from './scripted-server.js';

export interface FakeMail {
  /** Absent from all: the server has no UIDL. */
  readonly uidl?: string;
  /** POP3 ends them by CRLF, if they are not. */
  readonly octets: Buffer;
  /** By LIST; of the octets where absent. */
  readonly listSize?: number;
}

/** Instead of the usual: octets to send, to hang up with or without a word first, or undefined for the usual. */
export type Answer = string | Buffer | { readonly hangUp: 'FIN' | 'RST'; readonly send?: string } | undefined;

export interface FakeSession {
  /** From 0, over all connections. */
  readonly index: number;
  /** What the client said, in order. */
  readonly lines: readonly string[];
}

export interface FakeMaildropOptions {
  /** CAPA, beside USER; undefined: the server has no CAPA. */
  readonly capabilities?: readonly string[] | undefined;
  /** Asked at every command first. */
  readonly answer?: (line: string, session: FakeSession) => Answer | Promise<Answer>;
}

/** One maildrop on a POP3 server whose every answer a test may choose. Deletions are made by QUIT. */
export class FakeMaildrop {
  readonly sessions: FakeSession[] = [];
  private server!: ScriptedServer;

  private constructor(
    public mails: readonly FakeMail[],
    private readonly options: FakeMaildropOptions,
  ) {}

  static async start(mails: readonly FakeMail[], options: FakeMaildropOptions = {}): Promise<FakeMaildrop> {
    const fake = new FakeMaildrop(mails, { capabilities: ['PIPELINING', 'UIDL', 'TOP'], ...options });
    fake.server = await ScriptedServer.start((peer, index) => fake.serve(peer, index));
    return fake;
  }

  get port(): number {
    return this.server.port;
  }

  /** What was said in the last session of these commands, e.g. `['RETR 1', 'DELE 1']`. */
  said(...verbs: readonly string[]): readonly string[] {
    return (this.sessions.at(-1)?.lines ?? []).filter((line) => verbs.includes(line.split(' ')[0]!));
  }

  close(): Promise<void> {
    return this.server.close();
  }

  private async serve(peer: ScriptedPeer, index: number): Promise<void> {
    const session = { index, lines: peer.received };
    this.sessions.push(session);
    // What arrives later is the next session's (RFC 1939 section 8).
    const { mails } = this;
    const marked = new Set<FakeMail>();
    await peer.send('+OK ready\r\n');
    for (let line = await peer.nextLine(); line !== undefined; line = await peer.nextLine()) {
      const own = await this.options.answer?.(line, session);
      if (typeof own === 'object' && 'hangUp' in own) {
        await peer.send(own.send ?? '');
        return own.hangUp === 'FIN' ? peer.end() : peer.reset();
      }
      const quits = line === 'QUIT';
      if (own === undefined && quits) this.mails = this.mails.filter((mail) => !marked.has(mail));
      const usual = own === undefined ? this.usual(line, mails, marked) : own;
      await peer.send(typeof usual === 'string' ? Buffer.from(usual, 'latin1') : usual);
      if (quits) return peer.end();
    }
  }

  private usual(line: string, mails: readonly FakeMail[], marked: Set<FakeMail>): string {
    const [verb = '', argument] = line.split(' ');
    const mail = mails[Number(argument) - 1];
    const { capabilities } = this.options;
    const hasUidl = mails.length === 0 || mails.some(({ uidl }) => uidl !== undefined);
    const rows = (text: (found: FakeMail) => string): string =>
      multiline(mails.map((found, i) => `${i + 1} ${text(found)}\r\n`).join(''));
    const text = mail?.octets.toString('latin1') ?? '';
    switch (verb) {
      case 'CAPA':
        return capabilities
          ? multiline(['USER', ...capabilities].map((name) => `${name}\r\n`).join(''))
          : '-ERR what?\r\n';
      case 'STAT':
        return `+OK ${mails.length} 0\r\n`;
      case 'LIST':
        return rows(({ octets, listSize }) => String(listSize ?? octets.length));
      case 'UIDL':
        return hasUidl ? rows(({ uidl }) => uidl ?? '') : '-ERR what?\r\n';
      case 'RETR':
        return mail ? multiline(/(^|\r\n)$/.test(text) ? text : `${text}\r\n`) : '-ERR no such message\r\n';
      case 'TOP':
        return mail ? multiline(`${text.split('\r\n\r\n', 1)[0]}\r\n\r\n`) : '-ERR no such message\r\n';
      case 'DELE':
        if (mail) marked.add(mail);
        return mail ? '+OK\r\n' : '-ERR no such message\r\n';
      default:
        return '+OK\r\n';
    }
  }
}
