import { createHash } from 'node:crypto';
import { message } from '../../factories/messages.js';
import { CuttingProxy } from '../../servers/cutting-proxy.js';
import type { Dovecot } from '../../servers/dovecot.js';
import { addAccount } from '../accounts.js';
import { until, type GatewayClient } from '../gateway-client.js';
import type { GatewayProcess } from '../gateway-process.js';

export type Phase = 'begin' | 'fetch' | 'delete' | 'quit';

const sha256 = (octets: Buffer): string => createHash('sha256').update(octets).digest('hex');

/** POP3 has no way to say that the last line has no end (RFC 1939 section 3). */
const asServed = (octets: Buffer): Buffer =>
  octets.subarray(-2).toString() === '\r\n' ? octets : Buffer.concat([octets, Buffer.from('\r\n')]);

const SYNC = 'mutation ($id: ID!) { syncAccount(accountId: $id) { errors { code message } } }';
const MESSAGES = `query ($id: ID!, $after: String) { messages(first: 200, after: $after, filter: { accountIds: [$id] }) {
  nodes { messageId rawUrl } pageInfo { hasNextPage endCursor } } }`;

interface Page {
  readonly messages: {
    readonly nodes: readonly { readonly messageId: string; readonly rawUrl: string }[];
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string };
  };
}

/** A maildrop of odd messages behind a proxy, and an account with policy DELETE that empties it. */
export class Maildrop {
  /** What the gateway said last to the server. */
  phase: Phase = 'begin';
  /** Called when a phase begins. */
  onPhase: ((phase: Phase) => void) | undefined;
  /** RETR commands that reached the server. */
  fetches = 0;
  accountId = '';

  private constructor(
    private readonly server: Dovecot,
    readonly proxy: CuttingProxy,
    readonly user: string,
    /** Message-ID and SHA-256 of each, sorted. */
    readonly expected: readonly string[],
  ) {
    proxy.watch = (direction, chunk) => {
      if (direction === 'toServer') this.hear(chunk.toString('latin1'));
    };
  }

  static async fill(server: Dovecot, user: string, count: number): Promise<Maildrop> {
    await server.addUser(user, 'secret');
    const expected: string[] = [];
    let twin: Buffer | undefined;
    for (let i = 0; i < count; i += 1) {
      const octets: Buffer = twin ?? oddMessage(user, i);
      // Now and then the same octets come twice: they are two messages.
      twin = !twin && i % 50 === 10 ? octets : undefined;
      await server.deliver(user, octets);
      expected.push(`${/Message-ID: <(.*)>/.exec(octets.toString('latin1'))?.[1]} ${sha256(asServed(octets))}`);
    }
    return new Maildrop(server, await CuttingProxy.start(server.pop3.port), user, expected.toSorted());
  }

  async addTo(client: GatewayClient): Promise<void> {
    const { port } = this.proxy;
    const server = {
      host: 'localhost',
      port,
      security: 'NONE',
      username: this.user,
      credentials: { password: 'secret' },
    };
    this.accountId = await addAccount(client, { pop3: { ...server, afterDownload: 'DELETE' }, verify: false });
  }

  /** Visits until nothing is left on the server. */
  async drain(gateway: GatewayProcess): Promise<void> {
    await until(
      async () => {
        // A message over which several visits were cut rests for some minutes.
        await gateway.sql(`UPDATE uidl SET failed_at = now() - interval '2 days'`);
        await gateway.client.query(SYNC, { id: this.accountId });
        return this.server.listMessages(this.user);
      },
      (left) => left.length === 0,
      90_000,
    );
  }

  /** One visit, whatever comes of it. */
  async visit(client: GatewayClient): Promise<void> {
    await client.query(SYNC, { id: this.accountId }).catch(() => undefined);
  }

  /** What neither the server nor the database has. */
  async missing(gateway: GatewayProcess): Promise<readonly string[]> {
    // The gateway last: what moves between the two answers moves to it.
    const onServer = new Set(
      (await this.server.listMessages(this.user)).map(({ messageId }) => messageId.slice(1, -1)),
    );
    const rows = await gateway.sql<{ one: string }>(
      `SELECT m.message_id || ' ' || encode(sha256((SELECT string_agg(c.octets, ''::bytea ORDER BY c.seq)
         FROM content_chunk c WHERE c.account_id = m.account_id AND c.content_id = m.content_id)), 'hex') AS one
       FROM message m JOIN account a ON a.id = m.account_id WHERE a.username = $1`,
      [this.user],
    );
    const here = new Set(rows.map(({ one }) => one));
    return this.expected.filter((one) => !here.has(one) && !onServer.has(one.split(' ')[0] ?? ''));
  }

  /** Through the API alone: each message with the hash of what its URL gives, sorted. */
  async downloaded(client: GatewayClient): Promise<readonly string[]> {
    const found: string[] = [];
    for (let after: string | null = null; ;) {
      const { messages }: Page = await client.query<Page>(MESSAGES, { id: this.accountId, after });
      for (const { messageId, rawUrl } of messages.nodes) {
        const response = await fetch(rawUrl);
        found.push(`${messageId} ${sha256(Buffer.from(await response.arrayBuffer()))}`);
      }
      if (!messages.pageInfo.hasNextPage) return found.toSorted();
      after = messages.pageInfo.endCursor;
    }
  }

  async close(): Promise<void> {
    await this.proxy.close();
  }

  private hear(commands: string): void {
    this.fetches += commands.split('RETR ').length - 1;
    for (const [word, phase] of PHASES) {
      if (!commands.includes(word) || this.phase === phase) continue;
      this.phase = phase;
      this.onPhase?.(phase);
    }
  }
}

const PHASES: readonly (readonly [string, Phase])[] = [
  ['CAPA', 'begin'],
  ['RETR ', 'fetch'],
  ['DELE ', 'delete'],
  ['QUIT', 'quit'],
];

/** Dots at the beginning of lines, 8-bit text, no line end at the end, and of very different sizes. */
function oddMessage(user: string, i: number): Buffer {
  const body = `${'.'.repeat(i % 4)}line ${i} Grüße\n`.repeat(1 + ((i * 37) % 1_500));
  return message({
    subject: `number ${i}`,
    messageId: `${i}@${user}.example`,
    body: i % 7 === 0 ? body.trimEnd() : body,
  });
}
