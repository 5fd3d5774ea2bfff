import type { Secret, StepListener, WireLog } from '../mailbox/connection.port.js';
import { describeStep } from '../observability/protocol-log.js';
import { SecretFilter } from '../observability/secret-filter.js';

/** Of a listing: a maildrop of a million messages must not push everything else out. */
const maxRows = 20;

/**
 * Writes one session's lines to the account's log as they go over the wire, without what is secret or somebody's mail: no
 * argument of PASS, APOP and AUTH, nothing said in the course of AUTH, and of messages their size alone.
 */
export class Pop3WireLog {
  private readonly connection: number;
  private authenticating = false;
  private signedIn = false;
  private secrets: SecretFilter | undefined;
  private rows = 0;
  private octets = 0;

  constructor(private readonly log: WireLog) {
    this.connection = log.nextConnection();
  }

  /** Until `revealAll`, for servers repeat what they are sent. */
  hide(username: string, secret: Secret): void {
    const text = secret.kind === 'password' ? secret.password : secret.accessToken;
    this.secrets = new SecretFilter([text, `${username}\0${text}`]);
  }

  /** Signed in: what is said from now on is about mail. */
  revealAll(): void {
    this.secrets = undefined;
    this.signedIn = true;
  }

  readonly onStep: StepListener = (step) => this.remark(describeStep(step));

  remark(text: string): void {
    this.log.note('-', this.connection, text);
  }

  /** @param octets one command or more, or the answer to a challenge */
  sent(octets: Buffer): void {
    for (const line of octets.toString('latin1').split('\r\n')) {
      if (line !== '') this.log.note('C', this.connection, this.authenticating ? '***' : this.withoutArguments(line));
    }
  }

  /** A line that is due as a reply, whether it is one or not. */
  status(line: Buffer): void {
    const text = line.toString('latin1');
    const isChallenge = text.startsWith('+') && !text.startsWith('+OK');
    if (this.authenticating && isChallenge) return this.log.note('S', this.connection, text.length > 2 ? '+ ***' : '+');
    this.authenticating = false;
    // Where a message ended too early its own lines come where a reply should be.
    const isReply = /^(\+OK|-ERR)/.test(text) || !this.signedIn;
    const shown = isReply ? (this.secrets?.clean(text) ?? text) : `[${text.length} octets that are no reply]`;
    this.log.note('S', this.connection, shown);
  }

  row(line: Buffer): void {
    this.rows += 1;
    if (this.rows <= maxRows) this.log.note('S', this.connection, line.toString('latin1'));
  }

  message(octets: number): void {
    this.octets += octets;
  }

  /** Of a listing or a message. */
  bodyEnded(): void {
    if (this.octets > 0) this.log.note('S', this.connection, `[${this.octets} octets]`);
    if (this.rows > maxRows) this.log.note('S', this.connection, `[${this.rows - maxRows} more lines]`);
    this.octets = 0;
    this.rows = 0;
  }

  private withoutArguments(line: string): string {
    const [, command] = /^(PASS|APOP|AUTH(?: [\w-]+)?)(?: |$)/i.exec(line) ?? [];
    if (command === undefined) return line;
    this.authenticating = /^AUTH/i.test(command);
    return `${command} ***`;
  }
}
