import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type pg from 'pg';
import { backoffMs } from '../common/backoff.js';
import { sleep } from '../common/sleep.js';
import { SessionClients } from './session-client.js';

/** Called with what was sent, or with undefined when anything may have been: the session was away. */
type Hearer = (payload: string | undefined) => void;

const reconnect = { firstMs: 200, maxMs: 10_000 };
const heartbeatMs = 15_000;
const heartbeatDeadlineMs = 5_000;

/**
 * Hears what instances tell each other through the database (NOTIFY), all channels on one session. Nothing is heard while that
 * session is away, so each hearer is told when it comes back, and looks for itself.
 */
@Injectable()
export class Notifications implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly log = new Logger(Notifications.name);
  private readonly hearers = new Map<string, Set<Hearer>>();
  private readonly stopping = new AbortController();
  private listening: Promise<void> = Promise.resolve();

  constructor(private readonly sessions: SessionClients) {}

  onApplicationBootstrap(): void {
    this.listening = this.listen();
  }

  /** Late, so that streams hear until they are closed. */
  async onApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.listening;
  }

  /**
   * To be called before the application has started: a channel that nobody wanted then is not listened to.
   * @param channel a constant of ours: it becomes part of a statement
   */
  on(channel: string, hearer: Hearer): void {
    const hearers = this.hearers.get(channel) ?? new Set();
    this.hearers.set(channel, hearers.add(hearer));
  }

  private async listen(): Promise<void> {
    const { signal } = this.stopping;
    for (let failures = 0; !signal.aborted;) {
      try {
        await this.listenOnce(() => (failures = 0), signal);
      } catch (error) {
        failures += 1;
        if (!signal.aborted) this.log.warn({ failures, reason: String(error) }, 'not heard by other instances for now');
      }
      await sleep(backoffMs(reconnect, failures), signal);
    }
  }

  /** Until the session is lost or the gateway stops. */
  private async listenOnce(onReady: () => void, signal: AbortSignal): Promise<void> {
    const lost = new AbortController();
    const client = await this.sessions.open('mailroom feed', () => lost.abort());
    try {
      client.on('notification', ({ channel, payload }) => this.tell(channel, payload ?? ''));
      for (const channel of this.hearers.keys()) await client.query(`LISTEN ${channel}`);
      onReady();
      for (const channel of this.hearers.keys()) this.tell(channel, undefined);
      await this.heartbeat(client, AbortSignal.any([signal, lost.signal]));
      if (!signal.aborted) throw new Error('session lost');
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  private tell(channel: string, payload: string | undefined): void {
    for (const hearer of this.hearers.get(channel) ?? []) hearer(payload);
  }

  private async heartbeat(client: pg.Client, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(heartbeatMs, signal);
      if (signal.aborted) return;
      // `query_timeout` is pg's own deadline; its types leave it out of QueryConfig.
      await client.query({ text: 'SELECT 1', query_timeout: heartbeatDeadlineMs } as pg.QueryConfig);
    }
  }
}
