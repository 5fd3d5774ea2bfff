import type { Secret } from '../mailbox/connection.port.js';
import { MailError } from '../mailbox/mailbox.errors.js';
import type { Pop3Capabilities } from './capabilities.js';
import { Pop3Error, protocolViolation, rejected } from './pop3.errors.js';
import { POP3_LIMITS } from './pop3.limits.js';
import { exchange } from './request.js';
import { login } from './sasl/login.js';
import type { SaslMechanism } from './sasl/mechanism.js';
import { oauthBearer } from './sasl/oauthbearer.js';
import { plain } from './sasl/plain.js';
import { xoauth2 } from './sasl/xoauth2.js';
import type { Session } from './session.js';
import { checkArgument, encodeCommand, encodeSaslResponse } from './wire/command.js';
import type { StatusReply } from './wire/response.js';

export interface SignIn {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly secret: Secret;
  /** As announced before sign-in; undefined: the server has no CAPA. */
  readonly capabilities: Pop3Capabilities | undefined;
}

/**
 * Signs in, once, by the best mechanism the server announces. Credentials that were refused are not tried another way: each
 * attempt counts towards the lock-out of the mailbox's owner.
 * @returns the server's words
 * @throws Pop3Error by response code, MailError INVALID_INPUT before anything is sent
 */
export async function signIn(session: Session, request: SignIn): Promise<string> {
  checkCredentials(request);
  const mechanism = chooseMechanism(request);
  const reply = mechanism ? await authenticate(session, mechanism) : await userPass(session, request);
  if (reply.kind === 'ok') return scrub(reply.text, request);
  const scrubbed = { ...reply, text: scrub(reply.text, request) };
  throw rejected(scrubbed, 'signIn', request.capabilities?.loginDelaySeconds);
}

const secretOf = ({ secret }: SignIn): string => (secret.kind === 'password' ? secret.password : secret.accessToken);

function checkCredentials(request: SignIn): void {
  checkArgument('username', request.username);
  checkArgument(request.secret.kind === 'password' ? 'password' : 'accessToken', secretOf(request));
  // %x01 separates the fields of both OAuth messages.
  if (request.secret.kind === 'oauth2' && `${request.username}${request.secret.accessToken}`.includes('\x01')) {
    throw new MailError('INVALID_INPUT', 'control characters in the credentials', { field: ['username'] });
  }
}

/** @returns undefined for USER and PASS, which every server has, listed or not */
function chooseMechanism({ secret, username, capabilities, host, port }: SignIn): SaslMechanism | undefined {
  const has = (name: string): boolean => capabilities?.sasl.includes(name) ?? false;
  if (secret.kind === 'password') {
    if (has('PLAIN')) return plain(username, secret.password);
    const listsUser = capabilities?.lines.some((line) => line.trim().toUpperCase() === 'USER');
    return has('LOGIN') && !listsUser ? login(username, secret.password) : undefined;
  }
  if (has('XOAUTH2') || !capabilities) return xoauth2(username, secret.accessToken);
  if (has('OAUTHBEARER')) return oauthBearer(username, secret.accessToken, host, port);
  throw new Pop3Error('unsupported', 'UNSUPPORTED', 'the mail server offers no sign-in by OAuth');
}

async function userPass(session: Session, request: SignIn): Promise<StatusReply> {
  const userLine = encodeCommand('USER', request.username);
  const passLine = encodeCommand('PASS', secretOf(request));
  const user = await exchange(session, userLine);
  return user.kind === 'err' ? user : exchange(session, passLine);
}

function authenticate(session: Session, mechanism: SaslMechanism): Promise<StatusReply> {
  const { initial, name, initialApart } = mechanism;
  const inline = initial && !initialApart ? authLine(name, initial) : undefined;
  let unsent = inline ? undefined : initial;
  let challenges = 0;
  let index = 0;
  const onChallenge = (): Buffer => {
    if (++challenges > POP3_LIMITS.saslChallenges) throw protocolViolation('a sign-in without end');
    const octets = unsent ?? mechanism.answer(index++);
    unsent = undefined;
    // RFC 5034 section 4: a lone `*` cancels.
    return octets ? encodeSaslResponse(octets) : Buffer.from('*\r\n');
  };
  return exchange(session, inline ?? encodeCommand('AUTH', name), onChallenge);
}

/** RFC 5034 section 4: an initial response only where the whole line keeps within a command's length. */
function authLine(name: string, initial: Buffer): Buffer | undefined {
  const line = Buffer.from(`AUTH ${name} ${initial.toString('base64')}\r\n`, 'latin1');
  return line.length <= POP3_LIMITS.commandBytes ? line : undefined;
}

/** A server may repeat what it was sent; neither name nor secret may travel on in its words. */
function scrub(text: string, request: SignIn): string {
  return [secretOf(request), request.username]
    .filter((word) => word !== '')
    .flatMap((word) => [word, Buffer.from(word).toString('latin1'), Buffer.from(word).toString('base64')])
    .reduce((rest, word) => rest.replaceAll(word, '***'), text);
}
