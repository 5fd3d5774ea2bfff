import type { AccountConnection, CheckedEndpoint, Secret, StepListener } from '../mailbox/connection.port.js';
import { parseCapabilities, type Pop3Capabilities } from './capabilities.js';
import { Pop3Error, rejected } from './pop3.errors.js';
import { POP3_LIMITS, POP3_TIMEOUTS, type Pop3Timeouts } from './pop3.limits.js';
import { exchange, greeting, listing } from './request.js';
import { Pop3WireLog } from './pop3.wire-log.js';
import { Session, type SessionHooks } from './session.js';
import { signIn } from './sign-in.js';
import { runStep } from './steps.js';
import { Transport } from './transport.js';
import { encodeCommand } from './wire/command.js';

export interface ConnectOptions {
  /** Aborting it at any time, also after `connect`, destroys the session. */
  readonly signal: AbortSignal;
  readonly onStep?: StepListener;
  /** False: one command at a time even where the server announces PIPELINING, because it failed at it before. */
  readonly pipelining?: boolean;
  /** Ask for UTF-8 headers (RFC 6856) where the server has them: only after a RETR was refused with [UTF8]. */
  readonly utf8?: boolean;
  /** For tests of deadlines. */
  readonly timeouts?: Partial<Pop3Timeouts>;
}

export interface SignedIn {
  readonly session: Session;
  /** As announced after sign-in; undefined: the server has no CAPA. */
  readonly capabilities: Pop3Capabilities | undefined;
}

/**
 * From a name to a session in the TRANSACTION state (RFC 1939 section 5): RESOLVE, CONNECT, TLS, GREETING, STARTTLS, SIGN_IN.
 * What was announced before TLS is never asked for: it could be anyone's (RFC 2595 section 4).
 */
export async function openSession(connection: AccountConnection, options: ConnectOptions): Promise<SignedIn> {
  const permit = await connection.admit?.(options.signal);
  try {
    const signedIn = await openAdmitted(connection, options, () => permit?.release());
    permit?.signedIn();
    return signedIn;
  } catch (error) {
    permit?.release();
    throw error;
  }
}

async function openAdmitted(
  connection: AccountConnection,
  options: ConnectOptions,
  onEnd: () => void,
): Promise<SignedIn> {
  const { signal } = options;
  const wireLog = connection.wireLog && new Pop3WireLog(connection.wireLog);
  const { onStep = wireLog?.onStep } = options;
  const endpoint = await runStep('RESOLVE', onStep, async () => {
    const value = await connection.resolve(signal);
    return { value, detail: value.addresses.join(', ') };
  });
  const session = await openConnection(connection, endpoint, { ...options, onStep }, { wireLog, onEnd });
  try {
    await runStep('GREETING', onStep, async () => ({ value: undefined, detail: await greet(session) }));
    if (connection.security === 'STARTTLS') await startTls(session, connection, endpoint, { ...options, onStep });
    const capabilities = await runStep('SIGN_IN', onStep, () => authenticate(session, connection, endpoint, options));
    return { session, capabilities };
  } catch (error) {
    session.close();
    throw error;
  }
}

async function openConnection(
  connection: AccountConnection,
  endpoint: CheckedEndpoint,
  { signal, onStep, timeouts }: ConnectOptions,
  hooks: SessionHooks,
): Promise<Session> {
  const limits = { ...POP3_TIMEOUTS, ...timeouts };
  const transport = await runStep('CONNECT', onStep, async () => ({
    value: await Transport.dial(endpoint, { timeoutMs: limits.connectMs, signal }),
  }));
  if (connection.security === 'TLS') {
    await runStep('TLS', onStep, async () => ({
      value: undefined,
      detail: await transport.secure(endpoint.host, connection.extraCa, { timeoutMs: limits.tlsMs, signal }),
    }));
  }
  return new Session(transport, limits, signal, hooks);
}

async function greet(session: Session): Promise<string> {
  const reply = await greeting(session);
  if (reply.kind === 'err') throw rejected(reply, 'greeting');
  return reply.text;
}

/** No way around it: without TLS nothing that matters is said. */
async function startTls(
  session: Session,
  { extraCa }: AccountConnection,
  { host }: CheckedEndpoint,
  { signal, onStep }: ConnectOptions,
): Promise<void> {
  await runStep('STARTTLS', onStep, async () => {
    const reply = await exchange(session, encodeCommand('STLS'));
    if (reply.kind === 'err') throw new Pop3Error('tls', 'TLS_FAILED', 'the mail server refuses STLS', { reply });
    // Octets in the same segment as this +OK found no command due and have ended the session already.
    if (session.failure) throw session.failure;
    const detail = await session.transport.secure(host, extraCa, { timeoutMs: session.timeouts.tlsMs, signal });
    return { value: undefined, detail };
  });
}

async function authenticate(
  session: Session,
  { username, secret: supply }: AccountConnection,
  { host, port }: CheckedEndpoint,
  { signal, pipelining = true, utf8 = false }: ConnectOptions,
): Promise<{ value: Pop3Capabilities | undefined; detail: string }> {
  const before = await fetchCapabilities(session);
  if (utf8 && before?.utf8) await enterUtf8Mode(session);
  const attempt = (secret: Secret): Promise<string> => {
    session.wireLog?.hide(username, secret);
    return signIn(session, { host, port, username, secret, capabilities: before });
  };
  const secret = await supply(signal);
  const detail = await attempt(secret).catch(async (error: unknown) => {
    const renewed = isRefusedToken(error, secret) ? await supply(signal, secret) : secret;
    if (renewed.kind !== 'oauth2' || isSame(renewed, secret)) throw error;
    return attempt(renewed);
  });
  session.wireLog?.revealAll();
  // Lists differ before and after sign-in (RFC 2449 section 5); a server that did not know CAPA is not asked again.
  const value = before && ((await fetchCapabilities(session)) ?? before);
  if (pipelining && value?.pipelining) session.pipeline.window = POP3_LIMITS.windowCommands;
  return { value, detail };
}

/** A token may have been revoked, or expire earlier than was said: it is renewed once. Of a password there is no other. */
const isRefusedToken = (error: unknown, { kind }: Secret): boolean =>
  kind === 'oauth2' && error instanceof Pop3Error && error.code === 'AUTHENTICATION_FAILED';

const isSame = (a: Secret, b: Secret): boolean =>
  a.kind === 'oauth2' && b.kind === 'oauth2' && a.accessToken === b.accessToken;

/** Between STLS and sign-in (RFC 6856 section 2.1). Where it is refused, messages that need it are, too. */
async function enterUtf8Mode(session: Session): Promise<void> {
  await exchange(session, encodeCommand('UTF8'));
}

async function fetchCapabilities(session: Session): Promise<Pop3Capabilities | undefined> {
  const toText = (line: Buffer): string => line.toString('latin1');
  const reply = await listing(session, encodeCommand('CAPA'), toText, POP3_LIMITS.capabilityLines);
  return reply.kind === 'ok' ? parseCapabilities(reply.rows) : undefined;
}
