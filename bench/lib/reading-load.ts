import type { GatewayClient } from '../../test/e2e/gateway-client.js';
import { quantile } from './statistics.js';

const LIST = `query ($id: ID!) { messages(first: 50, filter: { accountIds: [$id] }) {
  nodes { id subject from { name address } receivedAt seen flagged hasAttachments } } }`;
const BODY = 'query ($id: ID!) { message(id: $id) { subject body { text html } } }';

interface Listed {
  readonly messages: { readonly nodes: readonly { readonly id: string }[] };
}

/** Lists and bodies of one account in turn, so many a second, whether or not those before were answered. */
export class ReadingLoad {
  private readonly latencies: number[] = [];
  private failed = 0;
  private readonly underWay = new Set<Promise<void>>();
  private readonly timer: NodeJS.Timeout;

  private constructor(client: GatewayClient, accountId: string, messageIds: readonly string[], perSecond: number) {
    let asked = 0;
    this.timer = setInterval(() => {
      asked += 1;
      const messageId = messageIds[asked % messageIds.length];
      this.note(asked % 2 === 0 ? client.query(LIST, { id: accountId }) : client.query(BODY, { id: messageId }));
    }, 1_000 / perSecond);
  }

  static async start(client: GatewayClient, accountId: string, perSecond: number): Promise<ReadingLoad> {
    const { messages } = await client.query<Listed>(LIST, { id: accountId });
    return new ReadingLoad(
      client,
      accountId,
      messages.nodes.map(({ id }) => id),
      perSecond,
    );
  }

  /** @returns how it went, in words */
  async stop(): Promise<string> {
    clearInterval(this.timer);
    await Promise.all(this.underWay);
    const [p50, p99] = [0.5, 0.99].map((share) => quantile(this.latencies, share).toFixed(0));
    return `${this.latencies.length} answered, p50 ${p50} ms, p99 ${p99} ms; ${this.failed} failed`;
  }

  private note(request: Promise<unknown>): void {
    const startedMs = performance.now();
    const noted = request.then(
      () => void this.latencies.push(performance.now() - startedMs),
      () => void (this.failed += 1),
    );
    this.underWay.add(noted);
    void noted.then(() => this.underWay.delete(noted));
  }
}
