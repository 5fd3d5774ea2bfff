import { Injectable } from '@nestjs/common';
import type { ApiKeyId } from '../mailbox/model/ids.js';
import type { ApiKey } from './api-key.js';

/** A key that another instance revoked works here for at most this long; one revoked here not at all. */
const lifeMs = 10_000;
const maxEntries = 1000;

/** Keys that were seen a moment ago, so that not every request asks the database. */
@Injectable()
export class ApiKeyCache {
  private readonly entries = new Map<string, { readonly key: ApiKey; readonly untilMs: number }>();
  private revocations = 0;

  /** @param name what the key was found by: its hash or its id */
  async get(name: string, load: () => Promise<ApiKey | undefined>, nowMs: number): Promise<ApiKey | undefined> {
    const known = this.entries.get(name);
    if (known && known.untilMs > nowMs) return known.key;
    const { revocations } = this;
    const key = await load();
    this.entries.delete(name);
    // What was read before a revocation may be the key that was revoked.
    if (key && revocations === this.revocations) this.put(name, key, nowMs);
    return key;
  }

  drop(id: ApiKeyId): void {
    this.revocations += 1;
    for (const [name, { key }] of this.entries) if (key.id === id) this.entries.delete(name);
  }

  private put(name: string, key: ApiKey, nowMs: number): void {
    const [oldest] = this.entries.keys();
    if (this.entries.size >= maxEntries && oldest !== undefined) this.entries.delete(oldest);
    this.entries.set(name, { key, untilMs: nowMs + lifeMs });
  }
}
