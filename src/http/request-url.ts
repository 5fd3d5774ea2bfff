import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

/**
 * Scheme and host as the client named them. It only decides where links in this client's own answer point; behind a proxy
 * the operator sets PUBLIC_URL.
 */
export function requestUrl({ headers, socket }: IncomingMessage): string {
  const host = /^[\w.:[\]-]{1,255}$/.test(headers.host ?? '') ? headers.host : 'localhost';
  return `${(socket as TLSSocket).encrypted ? 'https' : 'http'}://${host}`;
}
