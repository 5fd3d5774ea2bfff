import { ImapFlow } from 'imapflow';
import type { Dovecot } from '../../test/servers/dovecot.js';

/** The library the gateway uses, and nothing around it: the floor. */
export async function openBare(dovecot: Dovecot, user: string): Promise<ImapFlow> {
  const flow = new ImapFlow({
    host: dovecot.host,
    port: dovecot.imap.tlsPort,
    secure: true,
    auth: { user, pass: dovecot.users.get(user) ?? '' },
    tls: { ca: dovecot.caPem },
    logger: false,
    disableAutoIdle: true,
    disableCompression: true,
    qresync: true,
  });
  flow.on('error', () => undefined);
  await flow.connect();
  await flow.mailboxOpen('INBOX', { readOnly: true });
  return flow;
}

/** Keeps a connection in IDLE until it is closed. Resolves when it is about to listen. */
export async function keepIdle(flow: ImapFlow): Promise<void> {
  const listen = async (): Promise<void> => {
    while (flow.usable) await flow.idle().catch(() => false);
  };
  void listen();
  await new Promise((resolve) => setImmediate(resolve));
}
