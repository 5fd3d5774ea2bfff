import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createTlsFixtures } from './tls-fixtures.js';

/**
 * An OAuth 2.0 authorization server for one user: gives access tokens for its refresh token (RFC 6749 section 6, over https), and
 * tells a mail server whose they are (RFC 7662, over http as Dovecot is told to).
 */
export class AuthorizationServer {
  readonly refreshToken = randomBytes(16).toString('hex');
  /** False: the user has withdrawn the grant. */
  granted = true;
  /** Every access token, valid or not. */
  readonly everGiven: string[] = [];
  private readonly valid = new Set<string>();

  private constructor(
    private readonly username: string,
    private readonly tokens: Server,
    private readonly introspection: Server,
  ) {}

  static async start(username: string): Promise<AuthorizationServer> {
    const { keyPem: key, certPem: cert } = createTlsFixtures();
    const tokens = createHttpsServer({ key, cert }, (request, response) => {
      void readForm(request).then((form) => server.renew(form, response));
    });
    const introspection = createHttpServer((request, response) => {
      void readForm(request).then((form) => response.end(JSON.stringify(server.introspect(form))));
    });
    const server = new AuthorizationServer(username, tokens, introspection);
    for (const one of [tokens, introspection]) {
      one.listen(0, '127.0.0.1');
      await once(one, 'listening');
    }
    return server;
  }

  get tokenUrl(): string {
    return `https://localhost:${(this.tokens.address() as AddressInfo).port}/token`;
  }

  get introspectionUrl(): string {
    return `http://127.0.0.1:${(this.introspection.address() as AddressInfo).port}/introspect`;
  }

  /** How many access tokens were given. */
  get given(): number {
    return this.everGiven.length;
  }

  /** All access tokens given so far. */
  revoke(): void {
    this.valid.clear();
  }

  async stop(): Promise<void> {
    for (const one of [this.tokens, this.introspection]) {
      one.closeAllConnections();
      one.close();
      await once(one, 'close');
    }
  }

  private renew(form: URLSearchParams, response: ServerResponse): void {
    const isOurs = form.get('grant_type') === 'refresh_token' && form.get('refresh_token') === this.refreshToken;
    if (!isOurs || !this.granted) {
      response.writeHead(400).end(JSON.stringify({ error: 'invalid_grant' }));
      return;
    }
    const token = randomBytes(16).toString('hex');
    this.everGiven.push(token);
    this.valid.add(token);
    response.end(JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: 3600 }));
  }

  private introspect(form: URLSearchParams): object {
    const active = this.valid.has(form.get('token') ?? '');
    return active ? { active, username: this.username } : { active };
  }
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  return new URLSearchParams(body);
}
