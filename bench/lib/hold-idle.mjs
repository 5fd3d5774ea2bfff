// A process of nothing but imapflow objects in IDLE. Reads lines of JSON, each with the users to sign in next; answers each
// with "ready" when all of them are in IDLE, and ends when its input ends.
import { createInterface } from 'node:readline';
import { ImapFlow } from 'imapflow';

const AT_A_TIME = 20;
const { host, port, ca } = JSON.parse(process.env.IDLE_SERVER);

async function hold({ user, pass }) {
  const flow = new ImapFlow({
    host,
    port,
    secure: true,
    auth: { user, pass },
    tls: { ca },
    logger: false,
    disableAutoIdle: true,
    disableCompression: true,
    qresync: true,
  });
  flow.on('error', (error) => console.error(error.message));
  await flow.connect();
  await flow.mailboxOpen('INBOX', { readOnly: true });
  flow.idle().catch(() => undefined);
}

for await (const line of createInterface({ input: process.stdin })) {
  const users = JSON.parse(line);
  while (users.length > 0) await Promise.all(users.splice(0, AT_A_TIME).map(hold));
  console.log('ready');
}
process.exit();
