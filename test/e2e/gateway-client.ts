import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWsClient, type Client as WsClient } from 'graphql-ws';
import { WebSocket } from 'ws';

export interface GraphqlError {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions?: Readonly<Record<string, unknown>>;
}

export interface GraphqlResult<T> {
  readonly data?: T | null;
  readonly errors?: readonly GraphqlError[];
}

const requestDeadlineMs = 60_000;
const eventDeadlineMs = 30_000;

/** A client of the public API and of nothing else, as a frontend or another service would write it. */
export class GatewayClient {
  constructor(
    readonly url: string,
    private readonly key: string,
  ) {}

  /** The whole answer, errors and all. */
  async request<T>(query: string, variables: Record<string, unknown> = {}): Promise<GraphqlResult<T>> {
    const response = await fetch(`${this.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${this.key}` },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(requestDeadlineMs),
    });
    return (await response.json()) as GraphqlResult<T>;
  }

  /** The data; throws what the gateway reported. */
  async query<T>(query: string, variables: Record<string, unknown> = {}): Promise<T> {
    const { data, errors } = await this.request<T>(query, variables);
    if (errors || !data) throw new Error(`the gateway answered ${JSON.stringify(errors)}`);
    return data;
  }

  /** Over WebSocket (graphql-transport-ws). */
  subscribe<T>(query: string, variables: Record<string, unknown> = {}): Subscription<T> {
    const client: WsClient = createWsClient({
      url: `${this.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${this.key}` },
      retryAttempts: 0,
    });
    return new Subscription<T>(client.iterate<T>({ query, variables }), () => void client.dispose());
  }

  /** Over server-sent events. */
  subscribeSse<T>(query: string, variables: Record<string, unknown> = {}): Subscription<T> {
    const client = createSseClient({
      url: `${this.url}/graphql`,
      headers: { authorization: `Bearer ${this.key}` },
      retryAttempts: 0,
    });
    return new Subscription<T>(client.iterate<T>({ query, variables }) as AsyncIterableIterator<GraphqlResult<T>>, () =>
      client.dispose(),
    );
  }
}

/** Events one by one, each awaited with a deadline. Reads ahead, so that nothing is missed between two waits. */
export class Subscription<T> {
  private readonly events: T[] = [];
  private failure: unknown;
  private wake: () => void = () => undefined;
  private readonly reading: Promise<void>;

  constructor(
    iterator: AsyncIterableIterator<GraphqlResult<T> | { data?: T | null }>,
    private readonly dispose: () => void,
  ) {
    this.reading = this.read(iterator);
  }

  /** The next event that fits; others before it are passed over. */
  async next(fits: (event: T) => boolean = () => true): Promise<T> {
    const deadline = Date.now() + eventDeadlineMs;
    for (;;) {
      const event = this.events.shift();
      if (event !== undefined) {
        if (fits(event)) return event;
        continue;
      }
      if (this.failure !== undefined) throw this.failure;
      const left = deadline - Date.now();
      if (left <= 0) throw new Error('no such event within the deadline');
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async close(): Promise<void> {
    this.dispose();
    await this.reading;
  }

  private async read(iterator: AsyncIterableIterator<GraphqlResult<T> | { data?: T | null }>): Promise<void> {
    try {
      for await (const result of iterator) {
        if ('errors' in result && result.errors) throw new Error(JSON.stringify(result.errors));
        if (result.data) this.events.push(result.data);
        this.wake();
      }
      this.failure ??= new Error('the stream has ended');
    } catch (error) {
      this.failure = error;
    }
    this.wake();
  }
}

/** Asks until it is so; for what the gateway does in its own time. */
export async function until<T>(
  ask: () => Promise<T>,
  good: (value: T) => boolean,
  deadlineMs = 30_000,
  pauseMs = 50,
): Promise<T> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const value = await ask();
    if (good(value)) return value;
    if (Date.now() > deadline) throw new Error(`still not so after ${deadlineMs} ms: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
