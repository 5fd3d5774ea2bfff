import { addAccount, imapInput } from '../../test/e2e/accounts.js';
import { until, type GatewayClient } from '../../test/e2e/gateway-client.js';
import type { Dovecot } from '../../test/servers/dovecot.js';

const AT_A_TIME = 20;
const DEADLINE_MS = 600_000;

const ONLINE = 'query { accounts(first: 1, filter: { states: [ONLINE] }) { totalCount } }';

export async function addImapAccounts(
  client: GatewayClient,
  dovecot: Dovecot,
  users: readonly string[],
): Promise<void> {
  for (let from = 0; from < users.length; from += AT_A_TIME) {
    const some = users.slice(from, from + AT_A_TIME);
    await Promise.all(some.map((user) => addAccount(client, { imap: imapInput(dovecot, user), verify: false })));
  }
}

/** How many accounts are online now. */
export async function countOnline(client: GatewayClient): Promise<number> {
  return (await client.query<{ accounts: { totalCount: number } }>(ONLINE)).accounts.totalCount;
}

/** Until so many accounts are online. */
export async function allOnline(client: GatewayClient, count: number): Promise<void> {
  await until(
    () => countOnline(client),
    (online) => online >= count,
    DEADLINE_MS,
  );
}
