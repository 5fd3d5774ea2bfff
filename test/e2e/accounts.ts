import type { Dovecot } from '../servers/dovecot.js';
import { until, type GatewayClient } from './gateway-client.js';

const ADD_ACCOUNT = `mutation ($input: AddAccountInput!) {
  addAccount(input: $input) { account { id name protocol storage status { state } } errors { code message field retryable } }
}`;

export interface UserError {
  readonly code: string;
  readonly message: string;
  readonly field: readonly string[] | null;
  readonly retryable: boolean;
}

export interface AddedAccount {
  readonly addAccount: {
    account: { id: string; protocol: string; storage: string } | null;
    errors: readonly UserError[];
  };
}

export const imapInput = (server: Dovecot, user: string, patch: Record<string, unknown> = {}) => ({
  host: 'localhost',
  port: server.imap.tlsPort,
  username: user,
  credentials: { password: server.users.get(user) },
  ...patch,
});

export const pop3Input = (server: Dovecot, user: string, patch: Record<string, unknown> = {}) => ({
  host: 'localhost',
  port: server.pop3.tlsPort,
  username: user,
  credentials: { password: server.users.get(user) },
  ...patch,
});

/** Adds an account and gives its id; throws what was refused. */
export async function addAccount(client: GatewayClient, input: Record<string, unknown>): Promise<string> {
  const { addAccount: result } = await client.query<AddedAccount>(ADD_ACCOUNT, { input });
  if (!result.account) throw new Error(JSON.stringify(result.errors));
  return result.account.id;
}

const STATUS = `query ($id: ID!) { account(id: $id) { status { state lastError { code message } } sync { complete messagesTotal messagesSynced } } }`;

interface StatusResult {
  readonly account: {
    status: { state: string; lastError: { code: string; message: string } | null };
    sync: { complete: boolean; messagesTotal: number; messagesSynced: number };
  };
}

/** Until everything on the server has been seen. */
export async function synchronised(client: GatewayClient, id: string, deadlineMs = 60_000): Promise<void> {
  await until(
    () => client.query<StatusResult>(STATUS, { id }),
    ({ account: { status, sync } }) => status.state === 'ONLINE' && sync.complete,
    deadlineMs,
  );
}
