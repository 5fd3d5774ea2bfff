import { addAccount } from '../../test/e2e/accounts.js';
import { until, type GatewayClient } from '../../test/e2e/gateway-client.js';
import type { Maildrop } from './raw-pop3.js';

const POLL_DEADLINE_MS = 300_000;

const REMOVE = `mutation ($id: ID!) {
  removeAccount(input: { accountId: $id, deleteStoredMail: true }) { errors { code message } } }`;
const LAST_POLL = `query ($id: ID!) { account(id: $id) {
  status { lastError { code message } }
  pop3 { lastPoll { downloaded skipped bytes durationMs } }
  mailboxes { totalMessages } } }`;

interface PollResult {
  readonly downloaded: number;
  readonly skipped: number;
  readonly bytes: number;
  /** By the gateway's own clock. */
  readonly durationMs: number;
}

interface LastPoll {
  readonly account: {
    readonly status: { readonly lastError: { readonly code: string; readonly message: string } | null };
    readonly pop3: { readonly lastPoll: PollResult | null };
    readonly mailboxes: readonly { readonly totalMessages: number }[];
  };
}

/** Adds an account that keeps its mail on the server, whose first poll begins at once. @returns its id */
export function addMaildrop(
  client: GatewayClient,
  { port, user, password }: Maildrop,
  policy: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const server = { host: '127.0.0.1', port, security: 'NONE', username: user, credentials: { password } };
  return addAccount(client, { pop3: { ...server, ...policy }, verify: false });
}

/** Resolves when the first poll is done, with what it did and how many messages are listed. @throws its error */
export async function firstPoll(client: GatewayClient, id: string): Promise<PollResult & { readonly stored: number }> {
  const { account } = await until(
    () => client.query<LastPoll>(LAST_POLL, { id }),
    ({ account: { status, pop3 } }) => {
      if (status.lastError) throw new Error(`${status.lastError.code}: ${status.lastError.message}`);
      return pop3.lastPoll !== null;
    },
    POLL_DEADLINE_MS,
  );
  if (!account.pop3.lastPoll) throw new Error('no poll');
  return {
    ...account.pop3.lastPoll,
    stored: account.mailboxes.reduce((sum, { totalMessages }) => sum + totalMessages, 0),
  };
}

export async function removeAccount(client: GatewayClient, id: string): Promise<void> {
  await client.query(REMOVE, { id });
}
