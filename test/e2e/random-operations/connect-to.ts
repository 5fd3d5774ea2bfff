import { ImapFlow } from 'imapflow';
import type { Dovecot } from '../../servers/dovecot.js';

/** A connection to the mail server itself, past the gateway and the proxy before it. */
export async function connectTo(dovecot: Dovecot, user: string): Promise<ImapFlow> {
  const flow = new ImapFlow({
    host: '127.0.0.1',
    port: dovecot.imap.tlsPort,
    secure: true,
    tls: { ca: dovecot.caPem, servername: 'localhost' },
    auth: { user, pass: dovecot.users.get(user) ?? '' },
    logger: false,
    disableAutoIdle: true,
  });
  flow.on('error', () => undefined);
  await flow.connect();
  return flow;
}

/** Of a mailbox that is listed only because of those below it. */
export const holdsNoMessages = (attributes: ReadonlySet<string>): boolean =>
  attributes.has('\\Noselect') || attributes.has('\\NonExistent');
