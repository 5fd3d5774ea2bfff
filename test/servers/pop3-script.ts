import type { AccountConnection, Secret } from '../../src/mailbox/connection.port.js';
import type { ScriptedPeer, ScriptedServer } from './scripted-server.js';

/** How to reach a scripted server, as an adapter would be told. */
export function connectionTo(
  server: Pick<ScriptedServer, 'port'>,
  overrides: Partial<AccountConnection> & { readonly login?: Secret } = {},
): AccountConnection {
  const { login = { kind: 'password', password: 'secret' }, ...rest } = overrides;
  const host = rest.host ?? 'localhost';
  return {
    host,
    port: server.port,
    security: 'NONE',
    username: 'ann',
    secret: () => Promise.resolve(login),
    resolve: () => Promise.resolve({ host, port: server.port, addresses: ['127.0.0.1'] }),
    ...rest,
  };
}

/** Greeting to the TRANSACTION state, as most servers do it. @param capabilities lines of CAPA, beside USER */
export async function signInAnn(peer: ScriptedPeer, capabilities: readonly string[] = []): Promise<void> {
  const capa = ['+OK', 'USER', ...capabilities, '.', ''].join('\r\n');
  await peer.send('+OK ready\r\n');
  await peer.answer('CAPA', capa);
  await peer.answer('USER ann', '+OK\r\n');
  await peer.answer('PASS secret', '+OK\r\n');
  await peer.answer('CAPA', capa);
}

/** A listing or message as a server that stuffs dots sends it. @param content CRLF at its end, or empty */
export const multiline = (content: string): string =>
  `+OK\r\n${content
    .split('\r\n')
    .map((line) => (line.startsWith('.') ? `.${line}` : line))
    .join('\r\n')}.\r\n`;

/** Serves messages by number until QUIT or hang-up; all that RETR, TOP, DELE, NOOP and the listings need. */
export async function serveMaildrop(peer: ScriptedPeer, messages: readonly string[]): Promise<void> {
  const rows = (text: (message: string, number: number) => string): string =>
    multiline(messages.map((message, index) => `${index + 1} ${text(message, index + 1)}\r\n`).join(''));
  for (let line = await peer.nextLine(); line !== undefined; line = await peer.nextLine()) {
    const [keyword, number] = line.split(' ');
    const message = messages[Number(number) - 1];
    if (keyword === 'STAT') await peer.send(`+OK ${messages.length} ${messages.join('').length}\r\n`);
    else if (keyword === 'LIST') await peer.send(rows((text) => String(text.length)));
    else if (keyword === 'UIDL') await peer.send(rows((_, index) => `uid${index}`));
    else if (keyword === 'RETR')
      await peer.send(message === undefined ? '-ERR no such message\r\n' : multiline(message));
    else await peer.send('+OK\r\n');
    if (keyword === 'QUIT') return peer.end();
  }
}
