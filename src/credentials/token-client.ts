import { request, type RequestOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { isIPv6, type LookupFunction } from 'node:net';
import { rootCertificates } from 'node:tls';
import { Inject, Injectable } from '@nestjs/common';
import { EndpointPolicy } from '../accounts/endpoint-policy.js';
import { CONFIG, type Config } from '../config/config.js';
import type { CheckedEndpoint } from '../mailbox/connection.port.js';
import { isMailError, MailError } from '../mailbox/mailbox.errors.js';
import type { Renewal } from './credentials.js';
import { readTokenAnswer, type NewTokens, type TokenAnswer } from './token-answer.js';

const deadlineMs = 15_000;
const maxAnswerBytes = 64 * 1024;
const httpsPort = 443;

/** Asks OAuth 2.0 token endpoints for new access tokens (RFC 6749 section 6), over https to addresses that the policy allows. */
@Injectable()
export class TokenClient {
  private readonly ca: string[] | undefined;

  constructor(
    private readonly endpoints: EndpointPolicy,
    @Inject(CONFIG) { mail }: Config,
  ) {
    this.ca = mail.extraCa === undefined ? undefined : [...rootCertificates, mail.extraCa];
  }

  /** @throws MailError AUTHENTICATION_FAILED, RATE_LIMITED, HOST_FORBIDDEN, CONNECTION_FAILED, TIMEOUT */
  async renew(renewal: Renewal, signal: AbortSignal): Promise<NewTokens> {
    const url = new URL(renewal.tokenUrl);
    if (url.protocol !== 'https:') throw new MailError('HOST_FORBIDDEN', 'tokens are renewed over https only');
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
    try {
      const host = url.hostname.replace(/^\[|\]$/g, '');
      const port = url.port === '' ? httpsPort : Number(url.port);
      const endpoint = await this.endpoints.resolveWebServer({ host, port }, deadline);
      const answer = await post(url, formOf(renewal), { ...connectTo(endpoint), ca: this.ca, signal: deadline });
      return readTokenAnswer(answer, Date.now());
    } catch (error) {
      signal.throwIfAborted();
      if (isMailError(error)) throw error;
      if (deadline.aborted) throw new MailError('TIMEOUT', 'the token server did not answer in time', { cause: error });
      throw new MailError('CONNECTION_FAILED', 'the token server could not be reached', { cause: error });
    }
  }
}

/** Dials a checked address whatever the name resolves to now; certificate and server name are the name's. */
const connectTo = ({ addresses }: CheckedEndpoint): RequestOptions => {
  const found = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
  const lookup: LookupFunction = (_host, options, done) =>
    options.all ? done(null, found) : done(null, found[0]!.address, found[0]!.family);
  return { lookup, agent: false };
};

function formOf({ refreshToken, clientId, clientSecret, scope }: Renewal): string {
  const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken });
  if (clientId !== undefined) form.set('client_id', clientId);
  if (clientSecret !== undefined) form.set('client_secret', clientSecret);
  if (scope !== undefined) form.set('scope', scope);
  return form.toString();
}

/** Redirects are not followed: they would lead to where nobody has checked. */
function post(url: URL, form: string, options: RequestOptions): Promise<TokenAnswer> {
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    'content-length': Buffer.byteLength(form),
    accept: 'application/json',
  };
  return new Promise((resolve, reject) => {
    const sent = request(url, { ...options, method: 'POST', headers });
    sent.on('error', reject);
    sent.on('response', (response) => {
      readAnswer(response).then(resolve, (error: unknown) => {
        sent.destroy();
        reject(error);
      });
    });
    sent.end(form);
  });
}

async function readAnswer(response: IncomingMessage): Promise<TokenAnswer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxAnswerBytes) throw new MailError('CONNECTION_FAILED', 'the answer of the token server is too long');
    chunks.push(chunk);
  }
  const retryAfter = response.headers['retry-after'];
  return { status: response.statusCode ?? 0, retryAfter, body: Buffer.concat(chunks).toString('utf8') };
}
