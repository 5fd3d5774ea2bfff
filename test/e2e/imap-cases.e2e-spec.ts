import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { imapScript, type ImapScriptOptions } from '../servers/imap-script.js';
import { ScriptedServer, type ScriptedPeer } from '../servers/scripted-server.js';
import { createTlsFixtures, type ServerCertificate } from '../servers/tls-fixtures.js';
import { addAccount, synchronised } from './accounts.js';
import { until, type GatewayClient } from './gateway-client.js';
import { TestGateway } from './test-gateway.js';

const STATUS = `query ($id: ID!) { account(id: $id) { status { state nextAttemptAt lastError { code message } } } }`;
interface Status {
  readonly account: {
    status: {
      state: string;
      nextAttemptAt: string | null;
      lastError: { code: string; message: string } | null;
    };
  };
}
interface Listed {
  readonly messages: { nodes: readonly { subject: string }[] };
}

const sent =
  (octets: string, ends = true) =>
  async (peer: ScriptedPeer): Promise<boolean> => {
    await peer.send(octets);
    if (ends) peer.end();
    return true;
  };

type Form = readonly [what: string, hostile: ImapScriptOptions, state: string, code: string, message: RegExp];

const IN_CLEAR: readonly Form[] = [
  [
    'BYE for a greeting',
    { greeting: '* BYE [UNAVAILABLE] full up\r\n' },
    'OFFLINE',
    'CONNECTION_FAILED',
    /full up|closed/,
  ],
  ['a line without end', { greeting: 'x'.repeat(9 * 1024 * 1024) }, 'OFFLINE', 'TOO_LARGE', /more than is accepted/],
  [
    'BYE at SELECT',
    { on: { SELECT: sent('* BYE going\r\n'), EXAMINE: sent('* BYE going\r\n') } },
    'OFFLINE',
    'CONNECTION_FAILED',
    /going/,
  ],
  [
    '[UNAVAILABLE] at LOGIN',
    { on: { LOGIN: (peer, tag) => sent(`${tag} NO [UNAVAILABLE] later\r\n`, false)(peer) } },
    'OFFLINE',
    'SERVER_REJECTED',
    /temporary/,
  ],
  [
    '[EXPIRED] at LOGIN',
    { on: { LOGIN: (peer, tag) => sent(`${tag} NO [EXPIRED] x\r\n`, false)(peer) } },
    'AUTHENTICATION_FAILED',
    'AUTHENTICATION_FAILED',
    /expired/,
  ],
];

const tls = createTlsFixtures();
const startTls =
  (certificate: ServerCertificate) =>
  async (peer: ScriptedPeer, tag: string): Promise<boolean> => {
    await peer.send(`${tag} OK go\r\n`);
    await peer.startTls(certificate);
    return true;
  };

const BEFORE_TLS: readonly Form[] = [
  ['STARTTLS not offered any more', { capabilities: 'IDLE' }, 'OFFLINE', 'TLS_FAILED', /does not offer TLS/],
  [
    'STARTTLS refused',
    { on: { STARTTLS: (peer, tag) => sent(`${tag} NO not now\r\n`, false)(peer) } },
    'OFFLINE',
    'TLS_FAILED',
    /does not offer TLS/,
  ],
  [
    'plain text after STARTTLS',
    { on: { STARTTLS: (peer, tag) => sent(`${tag} OK go\r\n* OK still here\r\n`, false)(peer) } },
    'OFFLINE',
    'TLS_FAILED',
    /TLS/,
  ],
  ['PREAUTH', { greeting: '* PREAUTH welcome\r\n' }, 'OFFLINE', 'TLS_FAILED', /TLS/],
  [
    'a certificate for another host',
    { on: { STARTTLS: startTls(tls.wrongName) } },
    'OFFLINE',
    'TLS_FAILED',
    /certificate/,
  ],
];

describe.each([
  { security: 'NONE', good: { exists: 3 }, forms: IN_CLEAR },
  {
    security: 'STARTTLS',
    good: { exists: 3, capabilities: 'STARTTLS IDLE', on: { STARTTLS: startTls(tls) } },
    forms: BEFORE_TLS,
  },
])('IMAP case 10: an account with security $security whose server turns hostile', ({ security, good, forms }) => {
  let server: ScriptedServer;
  let gateway: TestGateway;
  let client: GatewayClient;
  let id: string;
  let options: ImapScriptOptions = good;
  const peers = new Set<ScriptedPeer>();

  beforeAll(async () => {
    server = await ScriptedServer.start(async (peer) => {
      peers.add(peer);
      await imapScript({ ...good, ...options })(peer);
      peers.delete(peer);
    });
    gateway = await TestGateway.start([tls]);
    client = gateway.client();
    id = await addAccount(client, {
      name: 'scripted',
      imap: {
        host: 'localhost',
        port: server.port,
        security,
        username: 'ann',
        credentials: { password: 'pw' },
      },
    });
    await synchronised(client, id);
  }, 60_000);
  afterAll(async () => {
    await gateway.stop();
    await server.close();
  }, 30_000);

  /** All connections are lost, and those that follow meet this server. */
  const become = (next: ImapScriptOptions): void => {
    options = next;
    for (const peer of peers) peer.reset();
    peers.clear();
  };
  const state = (wanted: (status: Status['account']['status']) => boolean) =>
    until(
      () => client.query<Status>(STATUS, { id }),
      ({ account: { status } }) => wanted(status),
      15_000,
    );
  const retry = () => client.query('mutation ($id: ID!) { resumeAccount(accountId: $id) { errors { code } } }', { id });

  it.each(forms)(
    'with %s says so, keeps what it knows, and comes back',
    async (_what, hostile, wanted, code, message) => {
      become(hostile);
      const { account } = await state(({ lastError }) => lastError?.code === code && message.test(lastError.message));
      expect(account.status.state).toBe(wanted);
      expect(account.status.nextAttemptAt).not.toBeNull();
      const listed = await client.query<Listed>(
        'query ($id: ID!) { messages(filter: { accountIds: [$id] }) { nodes { subject } } }',
        { id },
      );
      expect(listed.messages.nodes).toHaveLength(3);
      become(good);
      await client.query('mutation ($id: ID!) { pauseAccount(accountId: $id) { errors { code } } }', { id });
      await retry();
      await state((status) => status.state === 'ONLINE');
    },
    40_000,
  );
});
