import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { message } from '../../factories/messages.js';
import { CuttingProxy } from '../../servers/cutting-proxy.js';
import type { Dovecot } from '../../servers/dovecot.js';
import { addAccount } from '../accounts.js';
import { until, type GatewayClient } from '../gateway-client.js';
import type { GatewayProcess } from '../gateway-process.js';
import type { Random } from '../random-operations/random.js';

/** `idle`: the last session has ended. */
export type Phase = 'idle' | 'begin' | 'fetch' | 'delete' | 'quit';

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
  phase: Phase = 'idle';
  /** In which phase a connection was cut since `cutSoon`. */
  cutIn: Phase | undefined;
  /** Commands that reached the server, by connection. */
  readonly said = new Map<number, Said>();
  private readonly waiting = new Set<() => void>();
  accountId = '';

  private constructor(
    private readonly server: Dovecot,
    readonly proxy: CuttingProxy,
    readonly user: string,
    /** Message-ID and SHA-256 of each, sorted. */
    readonly expected: readonly string[],
    private readonly totalBytes: number,
  ) {
    proxy.watch = (direction, chunk, connection) => {
      if (direction === 'toServer') this.hear(chunk.toString('latin1'), connection);
      else if (this.phase === 'quit') this.enter('idle');
    };
    proxy.onCut = () => {
      this.cutIn ??= this.phase;
      this.enter('idle');
    };
  }

  /** RETR commands that reached the server. */
  get fetches(): number {
    return this.sum('fetches');
  }

  get deletions(): number {
    return this.sum('deletions');
  }

  private sum(what: keyof Said): number {
    return [...this.said.values()].reduce((sum, said) => sum + said[what], 0);
  }

  /** Resolves when it is so. @throws where it does not come about, so that what follows is what it says */
  async reach(what: string, condition: () => boolean, deadlineMs = 20_000): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (!condition()) return;
        clearTimeout(timer);
        this.waiting.delete(look);
        resolve();
      };
      const timer = setTimeout(() => {
        this.waiting.delete(look);
        reject(new Error(`${what} did not come about: ${this.phase}`));
      }, deadlineMs);
      this.waiting.add(look);
    });
  }

  /** The next connection ends somewhere: at an octet of a session that does all there is to do, or with QUIT or its answer. */
  async cutSoon(random: Random): Promise<void> {
    this.cutIn = undefined;
    const left = (await this.server.listMessages(this.user)).length;
    const share = left / this.expected.length;
    // CAPA, sign-in and listings; a RETR and a DELE for each message.
    const most = { toServer: 100 + 18 * left, toClient: 500 + 30 * left + share * this.totalBytes };
    const direction = random.pick(['toServer', 'toClient'] as const)!;
    this.proxy.cut = random.chance(0.3)
      ? { direction: 'toServer', afterBytes: random.between(1, 'QUIT\r\n'.length), from: 'QUIT' }
      : { direction, afterBytes: random.below(Math.ceil(most[direction])) };
  }

  static async fill(server: Dovecot, user: string, count: number, random: Random): Promise<Maildrop> {
    await server.addUser(user, 'secret');
    const expected: string[] = [];
    let totalBytes = 0;
    let twin: Buffer | undefined;
    for (let i = 0; i < count; i += 1) {
      const octets: Buffer = twin ?? oddMessage(user, i, random.between(1, 1_500));
      // Now and then the same octets come twice: they are two messages.
      twin = !twin && i % 50 === 10 ? octets : undefined;
      await server.deliver(user, octets);
      totalBytes += octets.length;
      expected.push(`${/Message-ID: <(.*)>/.exec(octets.toString('latin1'))?.[1]} ${sha256(asServed(octets))}`);
    }
    return new Maildrop(server, await CuttingProxy.start(server.pop3.port), user, expected.toSorted(), totalBytes);
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
        // A message over which several visits were cut rests for some minutes, which no client can shorten.
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
    const onServer = (await this.server.listMessages(this.user)).map(({ messageId }) => messageId.slice(1, -1));
    const rows = await gateway.sql<{ one: string }>(
      `SELECT m.message_id || ' ' || encode(sha256((SELECT string_agg(c.octets, ''::bytea ORDER BY c.seq)
         FROM content_chunk c WHERE c.account_id = m.account_id AND c.content_id = m.content_id)), 'hex') AS one
       FROM message m JOIN account a ON a.id = m.account_id WHERE a.username = $1`,
      [this.user],
    );
    const here = rows.map(({ one }) => one);
    return this.expected.filter((one) => {
      // Twins are two messages: one of them is not the other.
      const copies = counted(this.expected, one);
      return counted(here, one) + counted(onServer, one.split(' ')[0]!) < copies;
    });
  }

  /** Asks again and again what is missing, until it is told to stop; while the database is away nobody can tell. */
  watchUnion(gateway: GatewayProcess): () => Promise<{ looks: number; missing: readonly string[] }> {
    const found = { looks: 0, missing: [] as string[] };
    const stop = new AbortController();
    const watching = (async () => {
      while (!stop.signal.aborted) {
        const missing = await this.missing(gateway).catch(() => undefined);
        if (missing) found.looks += 1;
        found.missing.push(...(missing ?? []));
        await delay(50);
      }
    })();
    return async () => {
      stop.abort();
      await watching;
      return found;
    };
  }

  /** Until the server has nothing left, without anybody asking for a visit. */
  async emptied(deadlineMs = 60_000): Promise<void> {
    await until(
      () => this.server.listMessages(this.user),
      (left) => left.length === 0,
      deadlineMs,
    );
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

  private hear(commands: string, connection: number): void {
    const said = this.said.get(connection) ?? { fetches: 0, deletions: 0 };
    this.said.set(connection, said);
    said.fetches += commands.split('RETR ').length - 1;
    said.deletions += commands.split('DELE ').length - 1;
    for (const [word, phase] of PHASES) if (commands.includes(word)) this.enter(phase);
  }

  private enter(phase: Phase): void {
    this.phase = phase;
    for (const look of this.waiting) look();
  }
}

interface Said {
  fetches: number;
  deletions: number;
}

const counted = (all: readonly string[], one: string): number => all.filter((each) => each === one).length;

const PHASES: readonly (readonly [string, Phase])[] = [
  ['CAPA', 'begin'],
  ['RETR ', 'fetch'],
  ['DELE ', 'delete'],
  ['QUIT', 'quit'],
];

/** Dots at the beginning of lines, 8-bit text, now and then no line end at the end. */
function oddMessage(user: string, i: number, lines: number): Buffer {
  const body = `${'.'.repeat(i % 4)}line ${i} Grüße\n`.repeat(lines);
  return message({
    subject: `number ${i}`,
    messageId: `${i}@${user}.example`,
    body: i % 7 === 0 ? body.trimEnd() : body,
  });
}
