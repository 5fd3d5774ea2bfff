import { once } from 'node:events';
import type { Socket } from 'node:net';
import hoodiecrow from 'hoodiecrow-imap';
import fetchHandlers from 'hoodiecrow-imap/lib/commands/handlers/fetch.js';
import type { SampleMessage } from './mail/compose.js';

export interface ImapServerOptions {
  readonly user: string;
  readonly password: string;
  /** By path, `/` between levels; a parent stands before its children. */
  readonly mailboxes: Readonly<Record<string, readonly SampleMessage[]>>;
}

const PLUGINS = [
  'ID ENABLE NAMESPACE SASL-IR AUTH-PLAIN LITERALPLUS UNSELECT IDLE MOVE UIDPLUS CONDSTORE SPECIAL-USE'.split(' '),
  sayEnabled,
  serveEveryPartial,
].flat();
const SPECIAL_USE = new Set(['Sent', 'Drafts', 'Archive', 'Junk', 'Trash']);

/** An IMAP server for one user, in memory and in plain text, for the demo: hoodiecrow with sample mail in it. */
export class ImapServer {
  private readonly imap: hoodiecrow.ImapServer;
  private readonly sockets = new Set<Socket>();

  constructor({ user, password, mailboxes }: ImapServerOptions) {
    this.imap = hoodiecrow({ plugins: PLUGINS, users: { [user]: { password } }, storage: storage(mailboxes) });
    // It keeps no list of its connections, and close() waits for all of them.
    this.imap.connectionHandlers.push(({ socket }) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
  }

  /** Listens on a free loopback port and gives its number. */
  async listen(): Promise<number> {
    this.imap.listen(0, '127.0.0.1');
    await once(this.imap.server, 'listening');
    const address = this.imap.server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening on TCP');
    return address.port;
  }

  /** New mail from outside; clients in IDLE hear of it. */
  deliver({ octets, receivedAt, flags }: SampleMessage): void {
    this.imap.appendMessage('INBOX', [...flags], receivedAt, octets.toString('latin1'));
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.imap.server.close(resolve));
  }
}

// It forgets the untagged ENABLED (RFC 5161 section 3.2), without which a client must not use CONDSTORE.
function sayEnabled(server: hoodiecrow.ImapServer): void {
  server.outputHandlers.push((connection, _response, description) => {
    if (description !== 'ENABLE') return;
    const attributes = connection.enabled.map((value) => ({ type: 'ATOM' as const, value }));
    connection.send({ tag: '*', command: 'ENABLED', attributes });
  });
}

// A FETCH of `BODY[1]<0.2048>` for several messages loses the length after the first that is shorter, and gives the others nothing.
function serveEveryPartial(server: hoodiecrow.ImapServer): void {
  const asked = new WeakMap<hoodiecrow.FetchQuery, readonly number[]>();
  const serve: hoodiecrow.FetchHandler = (connection, message, query) => {
    if (!query.partial) return fetchHandlers.BODY(connection, message, query);
    const partial = asked.get(query) ?? query.partial;
    asked.set(query, partial);
    query.partial = [...partial];
    const value = fetchHandlers.BODY(connection, message, query);
    // The response names only where the part begins (RFC 9051 section 7.5.2).
    query.partial = partial.slice(0, 1);
    return value;
  };
  server.fetchHandlers.BODY = serve;
  server.fetchHandlers['BODY.PEEK'] = serve;
}

function storage(mailboxes: ImapServerOptions['mailboxes']): hoodiecrow.Options['storage'] {
  // Nothing is kept between runs, so UIDs begin again: a new UIDVALIDITY says so (RFC 9051 section 2.3.1.1).
  const uidvalidity = Math.floor(Date.now() / 1000);
  const root: hoodiecrow.Mailbox = {};
  for (const [path, messages] of Object.entries(mailboxes)) {
    const mailbox = descend(root, path.split('/'));
    mailbox.uidvalidity = uidvalidity;
    mailbox.messages = messages.map((message) => ({
      raw: message.octets.toString('latin1'),
      internaldate: message.receivedAt,
      flags: [...message.flags],
    }));
    if (SPECIAL_USE.has(path)) mailbox['special-use'] = `\\${path}`;
  }
  const { INBOX = {}, ...folders } = root.folders ?? {};
  return { INBOX, '': { separator: '/', folders } };
}

function descend(parent: hoodiecrow.Mailbox, path: readonly string[]): hoodiecrow.Mailbox {
  return path.reduce((mailbox, name) => ((mailbox.folders ??= {})[name] ??= {}), parent);
}
