import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { GatewayClient } from './gateway-client.js';
import { GatewayProcess } from './gateway-process.js';
import { ImapServer } from './imap-server.js';
import { imapMailboxes, pop3Maildrop } from './mail/mailboxes.js';
import { newsItem } from './mail/news.js';
import { Pop3Server } from './pop3-server.js';
import { welcome } from './welcome.js';

const NEWS_EVERY_MS = 25_000;
const SYNC_MS = 60_000;
const PASSWORD = 'demo';
const IRIS = 'iris@demo.example';
const PAUL = 'paul@demo.example';

const root = resolve(fileURLToPath(import.meta.url), '../../..');
const dataDir = join(root, 'data', 'demo');
const port = Number(process.env.PORT ?? 4000);

const pop3 = new Pop3Server({ user: PAUL, password: PASSWORD });
for (const message of await pop3Maildrop()) pop3.maildrop.deliver(message.octets);
const imap = new ImapServer({ user: IRIS, password: PASSWORD, mailboxes: await imapMailboxes() });
const asked = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => asked.abort());

try {
  const gateway = await GatewayProcess.start({ root, dataDir, port });
  try {
    await Promise.race([run(gateway), gateway.ended, once(asked.signal, 'abort')]);
  } finally {
    console.log(asked.signal.aborted ? 'Stopping.' : 'The demo has ended.');
    if (!asked.signal.aborted) process.exitCode = 1;
    await gateway.stop();
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
await Promise.all([imap.close(), pop3.close()]);
// The IMAP server leaves a timer of half an hour behind for each connection that was in IDLE.
process.exit();

async function run(gateway: GatewayProcess): Promise<void> {
  await gateway.ready();
  const key = (await readFile(join(dataDir, 'admin.key'), 'utf8')).trim();
  const client = new GatewayClient(gateway.url, key);
  const [imapAccount, pop3Account] = await replaceAccounts(client);
  await someMessageId(client, pop3Account);
  console.log(welcome(gateway.url, key, await someMessageId(client, imapAccount)));
  for (let number = 1; ; number += 1) {
    await delay(NEWS_EVERY_MS);
    imap.deliver(await newsItem(2 * number));
    pop3.maildrop.deliver((await newsItem(2 * number + 1)).octets);
  }
}

// The servers of an earlier run are gone with their mail, so their accounts are of no use any more.
async function replaceAccounts(client: GatewayClient): Promise<[string, string]> {
  const [imapName, pop3Name] = ['Iris (demo, IMAP)', 'Paul (demo, POP3)'];
  for (const { id, name } of await client.accounts()) {
    if (name === imapName || name === pop3Name) await client.removeAccount(id);
  }
  const [imapPort, pop3Port] = [await imap.listen(), await pop3.listen()];
  const login = { password: PASSWORD };
  return [
    await client.addAccount({ ...login, protocol: 'imap', name: imapName, emailAddress: IRIS, port: imapPort }),
    await client.addAccount({ ...login, protocol: 'pop3', name: pop3Name, emailAddress: PAUL, port: pop3Port }),
  ];
}

async function someMessageId(client: GatewayClient, accountId: string): Promise<string> {
  const deadline = Date.now() + SYNC_MS;
  while (Date.now() < deadline) {
    const id = await client.findMessageId(accountId);
    if (id !== undefined) return id;
    await delay(250);
  }
  return 'id of a message';
}
