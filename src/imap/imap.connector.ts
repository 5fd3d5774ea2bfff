import { createHmac, randomBytes } from 'node:crypto';
import { KeyedMutex } from '../common/keyed-mutex.js';
import type { AccountConnection, ConnectionPermit, Secret } from '../mailbox/connection.port.js';
import { invalidInput, isMailError, MailError } from '../mailbox/mailbox.errors.js';
import type { AccountCapabilities } from '../mailbox/model/protocol.js';
import { ImapConnection } from './imap.connection.js';
import { toMailError } from './imap.errors.js';
import { refusalRememberedMs } from './imap.limits.js';
import type { SignInSteps } from './imap.steps.js';

interface ConnectOptions {
  readonly steps?: SignInSteps;
  /** How long the server may say nothing while it owes an answer. */
  readonly silenceMs?: number;
}

interface Refusal {
  readonly error: MailError;
  readonly fingerprint: string;
  readonly untilMs: number;
}

/** Of this process, and never out of this file. */
const fingerprintKey = randomBytes(32);
const signIns = new KeyedMutex<ImapConnector>();

/** Opens an account's connections: one at a time, and not again and again with a secret that was just refused. */
export class ImapConnector {
  private refusal: Refusal | undefined;
  private learnt: AccountCapabilities | undefined;

  constructor(private readonly account: AccountConnection) {}

  /** As announced at the last sign-in. */
  get capabilities(): AccountCapabilities | undefined {
    return this.learnt;
  }

  /** @throws MailError; AUTHENTICATION_FAILED without asking the server where it refused the same secret a moment ago */
  async connect(signal: AbortSignal, options: ConnectOptions = {}): Promise<ImapConnection> {
    const permit = await this.account.admit?.(signal);
    try {
      const connection = await signIns.run(this, () => this.signIn(signal, options));
      permit?.signedIn();
      if (permit) releaseWith(connection, permit);
      return connection;
    } catch (error) {
      permit?.release();
      throw error;
    }
  }

  private async signIn(signal: AbortSignal, options: ConnectOptions): Promise<ImapConnection> {
    const secret = await this.secret(signal);
    try {
      return await this.signInWith(secret, signal, options);
    } catch (error) {
      if (!isRefused(error) || secret.kind !== 'oauth2') throw error;
      // A token can be withdrawn before its time. Where another cannot be had, it is the same again, or the reason why.
      return this.signInWith(await this.secret(signal, secret), signal, options);
    }
  }

  private async signInWith(secret: Secret, signal: AbortSignal, options: ConnectOptions): Promise<ImapConnection> {
    const fingerprint = this.fingerprint(secret);
    const { refusal } = this;
    if (refusal?.fingerprint === fingerprint && performance.now() < refusal.untilMs) throw refusal.error;
    this.refusal = undefined;
    try {
      const connection = await ImapConnection.open(this.account, { ...options, signal, secret });
      this.learnt = capabilitiesOf(connection);
      return connection;
    } catch (error) {
      if (isRefused(error)) this.refusal = { error, fingerprint, untilMs: performance.now() + refusalRememberedMs };
      throw error;
    }
  }

  /** @param refused by the server just now */
  private async secret(signal: AbortSignal, refused?: Secret): Promise<Secret> {
    try {
      const secret = await this.account.secret(signal, refused);
      refuseControlCharacters(this.account.username, 'username');
      refuseControlCharacters(secret.kind === 'password' ? secret.password : secret.accessToken, secret.kind);
      return secret;
    } catch (error) {
      throw toMailError(error, 'signIn');
    }
  }

  /** Tells whether a secret is the one that was refused, and nothing else. */
  private fingerprint(secret: Secret): string {
    const text = secret.kind === 'password' ? secret.password : secret.accessToken;
    return createHmac('sha256', fingerprintKey).update(`${secret.kind} ${text}`).digest('base64');
  }
}

/** Apart from what signed in, lest the listener hold on to that. */
function releaseWith(connection: ImapConnection, permit: ConnectionPermit): void {
  connection.onClose(() => permit.release());
}

const isRefused = (error: unknown): error is MailError => isMailError(error) && error.code === 'AUTHENTICATION_FAILED';

/** CR, LF and NUL would end the command line or the SASL field that carries the value. */
function refuseControlCharacters(value: string, field: string): void {
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  if (/[\r\n\u0000]/.test(value)) throw invalidInput(['input', field], `${field} holds a line break or NUL`);
}

/** One for each list of capabilities, which connections share. */
const known = new WeakMap<object, AccountCapabilities>();

function capabilitiesOf(connection: ImapConnection): AccountCapabilities {
  const capabilities = known.get(connection.announced) ?? toCapabilities(connection);
  known.set(connection.announced, capabilities);
  return capabilities;
}

const toCapabilities = (connection: ImapConnection): AccountCapabilities => ({
  manageMailboxes: true,
  push: connection.has('IDLE') || connection.has('NOTIFY'),
  keywords: true,
  // COPY and UID EXPUNGE do what MOVE does (RFC 6851 section 3.1).
  move: connection.has('MOVE') || connection.has('UIDPLUS'),
  sharedState: true,
  server: connection.capabilities,
});
