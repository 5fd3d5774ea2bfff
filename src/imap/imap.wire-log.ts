import type { Secret, StepListener, WireLog } from '../mailbox/connection.port.js';
import { describeStep } from '../observability/protocol-log.js';
import { SecretFilter } from '../observability/secret-filter.js';
import { hideMail } from './hide-mail.js';
import { WireLines, type WireLine } from './wire-lines.js';

/**
 * Writes one connection's lines to the account's log as they go over the wire, without what is secret or somebody's mail: no
 * argument of LOGIN and AUTHENTICATE and nothing said in the course of them, no literal, no quoted text of a message. Of many
 * rows of a FETCH the first are shown: a synchronisation would leave nothing else in the log, and take long to write it.
 */
export class ImapWireLog {
  private readonly connection: number;
  private readonly fromClient = new WireLines((line) => this.said(line));
  private readonly fromServer = new WireLines((line) => this.heard(line));
  /** Of the LOGIN or AUTHENTICATE under way. */
  private signInTag: string | undefined;
  private secrets: SecretFilter | undefined;
  private signedIn = false;
  /** Responses to FETCH since anything else was said. */
  private rows = 0;

  constructor(private readonly log: WireLog) {
    this.connection = log.nextConnection();
  }

  /** Until `revealAll`, for servers repeat what they are sent. */
  hide(username: string, secret: Secret): void {
    const text = secret.kind === 'password' ? secret.password : secret.accessToken;
    this.secrets = new SecretFilter([text, `${username}\0${text}`]);
    this.fromServer.keepChars = maxChars + this.secrets.longestForm;
  }

  /** Signed in: what is said from now on is about mail. */
  revealAll(): void {
    this.secrets = undefined;
    this.fromServer.keepChars = maxChars;
    this.signedIn = true;
  }

  readonly onStep: StepListener = (step) => this.remark(describeStep(step));

  remark(text: string): void {
    this.endRows();
    this.log.note('-', this.connection, text);
  }

  sent(octets: Buffer): void {
    this.fromClient.push(octets);
  }

  received(octets: Buffer): void {
    this.fromServer.push(octets);
  }

  private said(line: WireLine): void {
    if (this.signInTag !== undefined) return this.log.note('C', this.connection, '***');
    const [, tag, command] = /^(\S+) (LOGIN|AUTHENTICATE(?: [\w-]+)?)(?: |$)/i.exec(line.text) ?? [];
    this.signInTag = tag;
    this.log.note('C', this.connection, tag === undefined ? toText(line) : `${tag} ${command} ***`);
  }

  private heard(line: WireLine): void {
    if (this.signedIn && isRow.test(line.text)) {
      this.rows += 1;
      if (this.rows > maxRows) return;
    } else this.endRows();
    this.log.note('S', this.connection, this.heardText(line));
    if (this.signInTag !== undefined && line.text.startsWith(`${this.signInTag} `)) this.signInTag = undefined;
  }

  private endRows(): void {
    if (this.rows > maxRows) this.log.note('S', this.connection, `[${this.rows - maxRows} more responses to FETCH]`);
    this.rows = 0;
  }

  private heardText(line: WireLine): string {
    if (this.signInTag !== undefined && line.text.startsWith('+')) return line.text.length > 2 ? '+ ***' : '+';
    if (this.secrets) return toText({ ...line, text: this.withoutSecrets(this.secrets, line) });
    // After a literal of another length than was said, mail comes where a response should be.
    if (this.signedIn && !isResponse.test(line.text)) return `[${line.octets} octets that are no response]`;
    return toText({ ...line, text: hideMail(line.text) });
  }

  /** Where the line was cut half a secret may stand: that much more was kept, and goes now. */
  private withoutSecrets(secrets: SecretFilter, { text, cut }: WireLine): string {
    const clean = secrets.clean(text);
    return cut ? clean.slice(0, -secrets.longestForm) : clean;
  }
}

const isResponse = /^(\* |\+|[A-Za-z0-9]+ (OK|NO|BAD)\b)/;
const isRow = /^\* \d+ FETCH /;
const maxRows = 20;
const maxChars = 500;

const toText = ({ text, cut, octets }: WireLine): string =>
  cut || text.length > maxChars ? `${text.slice(0, maxChars)} [${octets} octets]` : text;
