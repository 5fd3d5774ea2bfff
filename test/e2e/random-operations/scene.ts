import { setTimeout as delay } from 'node:timers/promises';
import { message } from '../../factories/messages.js';
import { CuttingProxy } from '../../servers/cutting-proxy.js';
import { startDovecot, type Dovecot } from '../../servers/dovecot.js';
import { addAccount, imapInput, synchronised } from '../accounts.js';
import { until, type GatewayClient } from '../gateway-client.js';
import { GatewayProcess } from '../gateway-process.js';
import { ApiClient } from './api-client.js';
import { Disturber } from './disturber.js';
import { MailClient } from './mail-client.js';
import { difference, mirrorLines, serverLines } from './mailbox-lines.js';
import { OperationsLog } from './operations-log.js';
import { Random } from './random.js';
import { Replica } from './replica.js';
import { Subscriber } from './subscriber.js';

export interface SceneOptions {
  readonly seed: number;
  /** What the mail server does not announce. */
  readonly without: readonly string[];
  readonly seconds: number;
  /** Quiet comes after so long, and everything is compared, before it goes on. */
  readonly roundSeconds: number;
  /** Whether the gateway is told to look when quiet comes; else it must find out by itself. */
  readonly asked: boolean;
}

/** One quiet moment. */
export interface Round {
  /** From the last operation until the mirror was equal. */
  readonly convergedMs: number;
  /** Empty where it became equal. */
  readonly difference: readonly string[];
}

const user = 'ann';
const firstMessages = 150;
/** Who watches without NOTIFY asks once a minute; the rest is for a reconnection that waits its time. */
const convergeWithinMs = 100_000;
/** A person is not faster. */
const longestPauseMs = 120;

/** One account with all who work on it. */
export class Scene {
  readonly operations = new OperationsLog();
  private constructor(
    private readonly options: SceneOptions,
    readonly dovecot: Dovecot,
    readonly gateway: GatewayProcess,
    private readonly proxy: CuttingProxy,
    readonly accountId: string,
    /** As the account was listed at first. */
    readonly listed: Replica,
    readonly subscriber: Subscriber,
    readonly disturber: Disturber,
    private readonly random: Random,
  ) {}

  static async begin(options: SceneOptions): Promise<Scene> {
    const random = new Random(options.seed);
    const dovecot = await startDovecot({
      users: { [user]: 'secret' },
      ...(options.without.length > 0 ? { withoutCapabilities: options.without } : {}),
    });
    for (let i = 0; i < firstMessages; i += 1) {
      const raw = message({ subject: `first ${i}`, messageId: `first-${i}@random.example` });
      await dovecot.deliver(user, raw, { mailbox: i % 3 === 0 ? 'Archive' : 'INBOX' });
    }
    const proxy = await CuttingProxy.start(dovecot.imap.tlsPort);
    const gateway = await GatewayProcess.prepare(dovecot);
    await gateway.start();
    const accountId = await addAccount(gateway.client, { imap: imapInput(dovecot, user, { port: proxy.port }) });
    await synchronised(gateway.client, accountId);
    const listed = await Replica.list(gateway.client, accountId);
    const subscriber = new Subscriber(() => gateway.client, accountId, listed.copy(), random.fork());
    const disturber = new Disturber(gateway, proxy, random.fork());
    return new Scene(options, dovecot, gateway, proxy, accountId, listed, subscriber, disturber, random);
  }

  /** Until the time is over, or the mirror has stayed different. */
  async play(): Promise<Round[]> {
    const rounds: Round[] = [];
    const { seconds, roundSeconds } = this.options;
    for (let played = 0; played < seconds; played += roundSeconds) {
      await this.work(Math.min(roundSeconds, seconds - played) * 1_000);
      const round = await this.converge();
      rounds.push(round);
      if (round.difference.length > 0) return rounds;
    }
    await this.subscriberIsUpToDate();
    return rounds;
  }

  async end(): Promise<void> {
    await this.subscriber.close();
    await this.gateway.stop();
    await this.proxy.close();
    await this.dovecot.stop();
  }

  /** Everybody at once; the disturber leaves first. */
  private async work(ms: number): Promise<void> {
    const { random, operations, dovecot } = this;
    const over = AbortSignal.timeout(ms);
    const clients = await Promise.all([1, 2].map(() => MailClient.connect(dovecot, user, random.fork(), operations)));
    const api = new ApiClient(() => this.gateway.client, this.accountId, random.fork(), operations);
    try {
      await Promise.all([
        ...clients.map((client) => repeat(() => client.operate(), longestPauseMs, random.fork(), over)),
        repeat(() => api.operate(), 6 * longestPauseMs, random.fork(), over),
        this.disturber.disturb(AbortSignal.timeout(ms * 0.7)),
      ]);
    } finally {
      await Promise.all(clients.map((client) => client.close()));
    }
  }

  private async converge(): Promise<Round> {
    const { gateway, operations } = this;
    let server = await serverLines(this.dovecot, user);
    let found: string[] = [];
    for (let looks = 1; ; looks += 1) {
      found = difference(server, await mirrorLines(gateway));
      const convergedMs = performance.now() - operations.lastAtMs;
      if (found.length === 0 || convergedMs > convergeWithinMs) return { convergedMs, difference: found };
      if (looks === 10 && this.options.asked) await this.ask();
      // A message without UID, say, was on its way when the gateway was killed: the server itself may have moved on.
      if (looks % 20 === 0) server = await serverLines(this.dovecot, user);
      await delay(50);
    }
  }

  private async ask(): Promise<void> {
    await until(
      () =>
        this.client.request<{ syncAccount: { errors: readonly { message: string }[] } }>(
          'mutation ($id: ID!) { syncAccount(accountId: $id) { errors { message } } }',
          { id: this.accountId },
        ),
      ({ data }) => data?.syncAccount.errors.length === 0,
    );
  }

  private async subscriberIsUpToDate(): Promise<void> {
    const query = 'query ($id: ID!) { account(id: $id) { changeCursor } }';
    const end = async (): Promise<string> =>
      (await this.client.query<{ account: { changeCursor: string } }>(query, { id: this.accountId })).account
        .changeCursor;
    await until(
      async () => [await end(), this.subscriber.lastCursor],
      ([last, seen]) => last === seen,
    );
  }

  /** What server and gateway have said to each other lately, the gateway to its log, and the log of changes. */
  async evidence(): Promise<string> {
    const { account } = await this.client.query<{ account: { protocolLog: string[] } }>(
      'query ($id: ID!) { account(id: $id) { protocolLog(last: 1000) } }',
      { id: this.accountId },
    );
    const changes = await this.gateway.sql<object>(
      `SELECT c.at, c.type, m.message_id, c.message_id AS id, b.path AS mailbox, was.path AS before FROM change c
       LEFT JOIN message m ON m.id = c.message_id LEFT JOIN mailbox b ON b.id = c.mailbox_id
       LEFT JOIN mailbox was ON was.id = c.previous_mailbox_id ORDER BY position DESC LIMIT 200`,
    );
    const said = account.protocolLog.filter((line) => !line.includes(' PREVIEW '));
    return [...changes.map((change) => JSON.stringify(change)).toReversed(), ...said, this.gateway.said].join('\n');
  }

  private get client(): GatewayClient {
    return this.gateway.client;
  }
}

async function repeat(operate: () => Promise<void>, pauseMs: number, random: Random, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    await operate();
    // Often one right after another.
    if (random.chance(0.7)) await delay(random.below(pauseMs));
  }
}
