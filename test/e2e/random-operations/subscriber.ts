import { setTimeout as delay } from 'node:timers/promises';
import type { GatewayClient, Subscription } from '../gateway-client.js';
import type { Random } from './random.js';
import { CHANGE, type Change, type Replica } from './replica.js';

/** One connection: from where it asked, and what it was told, in order. */
export interface Session {
  readonly since: string;
  readonly told: string[];
}

const CHANGES = `subscription ($id: ID!, $since: [ResumePoint!]) { changes(accountIds: [$id], since: $since) { ${CHANGE} } }`;

/** Follows the changes over WebSocket, breaks off at random, and goes on from the last cursor that it has applied. */
export class Subscriber {
  readonly sessions: Session[] = [];
  private cursor: string;
  private ending = false;
  private current: Subscription<{ changes: Change }> | undefined;
  private readonly following: Promise<void>;

  constructor(
    private readonly client: () => GatewayClient,
    private readonly accountId: string,
    readonly replica: Replica,
    private readonly random: Random,
  ) {
    this.cursor = replica.cursor;
    this.following = this.follow();
  }

  get lastCursor(): string {
    return this.cursor;
  }

  async close(): Promise<void> {
    this.ending = true;
    await this.current?.close();
    await this.following;
  }

  private async follow(): Promise<void> {
    while (!this.ending) {
      const session: Session = { since: this.cursor, told: [] };
      this.sessions.push(session);
      const subscription = this.client().subscribe<{ changes: Change }>(CHANGES, {
        id: this.accountId,
        since: [{ accountId: this.accountId, cursor: this.cursor }],
      });
      this.current = subscription;
      const timer = setTimeout(() => void subscription.close(), this.random.between(200, 6_000));
      // Every session ends in an error: it was closed here, or the gateway was killed. What was lost shows in the cursors.
      await this.receive(subscription, session).catch(() => undefined);
      clearTimeout(timer);
      await subscription.close();
      await delay(this.random.below(300));
    }
  }

  private async receive(subscription: Subscription<{ changes: Change }>, session: Session): Promise<never> {
    for (;;) {
      const { changes: change } = await subscription.next();
      session.told.push(change.cursor);
      await this.replica.apply(change, this.client);
      this.cursor = change.cursor;
    }
  }
}
