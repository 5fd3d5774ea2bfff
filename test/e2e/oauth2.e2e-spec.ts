import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { message } from '../factories/messages.js';
import { AuthorizationServer } from '../servers/authorization-server.js';
import { startDovecot, type Dovecot } from '../servers/dovecot.js';
import { addAccount, imapInput, pop3Input, synchronised } from './accounts.js';
import { until, type GatewayClient } from './gateway-client.js';
import { TestGateway } from './test-gateway.js';

const SUBJECTS = `query ($id: ID!) { account(id: $id) { status { state lastError { code message } } messages(first: 50) { nodes { subject } } } }`;
const SYNC = `mutation ($id: ID!) { syncAccount(accountId: $id) { errors { code message } } }`;

interface Seen {
  readonly account: {
    readonly status: { readonly state: string; readonly lastError: { readonly code: string } | null };
    readonly messages: { readonly nodes: readonly { readonly subject: string }[] };
  };
}

let authorization: AuthorizationServer;
let server: Dovecot;
let gateway: TestGateway;
let client: GatewayClient;

beforeAll(async () => {
  authorization = await AuthorizationServer.start('ann');
  // A password that is none of the tokens: nobody signs in by accident.
  server = await startDovecot({ users: { ann: 'secret' }, introspectionUrl: authorization.introspectionUrl });
  gateway = await TestGateway.start([server]);
  client = gateway.client();
}, 60_000);

afterAll(async () => {
  await gateway.stop();
  await server.stop();
  await authorization.stop();
});

const seen = async (id: string): Promise<Seen['account']> => (await client.query<Seen>(SUBJECTS, { id })).account;
const subjects = async (id: string): Promise<string[]> => (await seen(id)).messages.nodes.map(({ subject }) => subject);
const credentials = () => ({
  oauth2: { refreshToken: authorization.refreshToken, tokenUrl: authorization.tokenUrl, clientId: 'mailroom' },
});

describe('OAuth 2.0', () => {
  it('IMAP: signs in by a token, renews it when the server refuses it, and says so when the grant is withdrawn', async () => {
    await server.deliver('ann', message({ subject: 'first' }));
    const id = await addAccount(client, { imap: imapInput(server, 'ann', { credentials: credentials() }) });
    await synchronised(client, id);
    expect(await subjects(id)).toContain('first');
    const { given } = authorization;
    expect(given).toBeGreaterThan(0);

    authorization.revoke();
    await server.kick('ann');
    await server.deliver('ann', message({ subject: 'second' }));
    await until(
      () => subjects(id),
      (found) => found.includes('second'),
    );
    expect(authorization.given).toBeGreaterThan(given);

    authorization.granted = false;
    authorization.revoke();
    await server.kick('ann');
    const refused = await until(
      () => seen(id),
      ({ status }) => status.state === 'AUTHENTICATION_FAILED',
    );
    expect(refused.status.lastError).toMatchObject({ code: 'AUTHENTICATION_FAILED' });
    // What is known stays readable.
    expect(refused.messages.nodes.length).toBeGreaterThanOrEqual(2);
    authorization.granted = true;
    await client.query(SYNC, { id });
    await until(
      () => seen(id),
      ({ status }) => status.state === 'ONLINE',
    );
  }, 60_000);

  it('POP3: signs in by a token, and renews it when the server refuses it', async () => {
    const id = await addAccount(client, { pop3: pop3Input(server, 'ann', { credentials: credentials() }) });
    await synchronised(client, id);
    const { given } = authorization;
    authorization.revoke();
    await server.deliver('ann', message({ subject: 'third' }));
    expect(await client.query(SYNC, { id })).toMatchObject({ syncAccount: { errors: [] } });
    expect(await subjects(id)).toContain('third');
    expect(authorization.given).toBe(given + 1);
  });

  it('never shows a token', async () => {
    const log = await client.query<{ accounts: { nodes: { protocolLog: string[] }[] } }>(
      '{ accounts { nodes { protocolLog(last: 1000) } } }',
    );
    const lines = log.accounts.nodes.flatMap(({ protocolLog }) => protocolLog);
    expect(lines.some((line) => /AUTH/.test(line))).toBe(true);
    for (const token of authorization.everGiven) {
      const inBase64 = Buffer.from(token).toString('base64').slice(3, -4);
      for (const line of lines) expect(line.includes(token) || line.includes(inBase64)).toBe(false);
    }
  });
});
