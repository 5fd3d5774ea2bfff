import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import * as fc from 'fast-check';
import type { Config, ConnectionLimitsConfig } from '../config/config.js';
import type { ConnectionPermit } from '../mailbox/connection.port.js';
import type { AccountId } from '../mailbox/model/ids.js';
import { ConnectionBudget } from './connection-budget.js';

const limits = { connections: 100, connectionsPerHost: 100, signIns: 100, signInsPerHost: 2 };
const budgetOf = (patch: Partial<ConnectionLimitsConfig> = {}): ConnectionBudget =>
  new ConnectionBudget({ connections: { ...limits, ...patch } } as Config);
const account = (name: string): AccountId => name as AccountId;
const never = new AbortController().signal;

/** Asks, and tells when it was its turn. */
class Asker {
  permit?: ConnectionPermit;
  error?: unknown;

  constructor(budget: ConnectionBudget, name: string, host = 'a.example', signal = never) {
    budget.admit({ host, accountId: account(name) }, signal).then(
      (permit) => (this.permit = permit),
      (error: unknown) => (this.error = error),
    );
  }
}

const settled = (): Promise<void> => jest.advanceTimersByTimeAsync(0).then(() => undefined);
const inside = (askers: readonly Asker[]): number[] => askers.flatMap(({ permit }, at) => (permit ? [at] : []));

describe('ConnectionBudget', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => {
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  it('lets in as many sign-ins to a host as are allowed, the others in the order they came', async () => {
    const budget = budgetOf();
    const askers = ['1', '2', '3', '4', '5'].map((name) => new Asker(budget, name));
    await settled();
    expect(inside(askers)).toEqual([0, 1]);
    askers[1]!.permit!.signedIn();
    await settled();
    expect(inside(askers)).toEqual([0, 1, 2]);
    askers[0]!.permit!.release();
    await settled();
    expect(inside(askers)).toEqual([0, 1, 2, 3]);
    askers[2]!.permit!.release();
    askers[3]!.permit!.release();
    await settled();
    expect(inside(askers)).toEqual([0, 1, 2, 3, 4]);
  });

  it('makes nobody wait for a host that is not theirs, whatever the case of its name', async () => {
    const budget = budgetOf();
    const slow = ['1', '2', '3'].map((name) => new Asker(budget, name, name === '3' ? 'A.Example' : 'a.example'));
    const other = new Asker(budget, '4', 'b.example');
    await settled();
    expect(inside(slow)).toEqual([0, 1]);
    expect(other.permit).toBeDefined();
    slow[0]!.permit!.release();
    await settled();
    expect(inside(slow)).toEqual([0, 1, 2]);
  });

  it('signs an account in on one connection at a time, and others meanwhile', async () => {
    const budget = budgetOf();
    const askers = ['ann', 'ann', 'bob'].map((name) => new Asker(budget, name));
    await settled();
    expect(inside(askers)).toEqual([0, 2]);
    askers[0]!.permit!.signedIn();
    await settled();
    expect(inside(askers)).toEqual([0, 1, 2]);
    askers[1]!.permit!.release();
  });

  it.each([
    ['to a host', { connectionsPerHost: 2, signInsPerHost: 9 }, 'a.example'],
    ['in all', { connections: 2, signInsPerHost: 9 }, 'b.example'],
  ])('counts open connections %s', async (_what, patch, third) => {
    const budget = budgetOf(patch);
    const askers = [new Asker(budget, '1'), new Asker(budget, '2'), new Asker(budget, '3', third)];
    await settled();
    askers[0]!.permit!.signedIn();
    await settled();
    expect(inside(askers)).toEqual([0, 1]);
    askers[0]!.permit!.release();
    await settled();
    expect(inside(askers)).toEqual([0, 1, 2]);
  });

  it('says after ten minutes what it waited for', async () => {
    const budget = budgetOf({ connectionsPerHost: 2, signInsPerHost: 9 });
    const askers = ['1', '2', '3'].map((name) => new Asker(budget, name));
    await jest.advanceTimersByTimeAsync(599_999);
    expect(askers[2]!.error).toBeUndefined();
    await jest.advanceTimersByTimeAsync(1);
    expect(askers[2]!.error).toMatchObject({
      code: 'RATE_LIMITED',
      message: expect.stringContaining('connections open'),
    });
  });

  it('lets go of who does not wait any more', async () => {
    const budget = budgetOf({ signInsPerHost: 1 });
    const gone = new AbortController();
    const late = new AbortController();
    const first = new Asker(budget, '1');
    const second = new Asker(budget, '2', 'a.example', gone.signal);
    const third = new Asker(budget, '3', 'a.example', late.signal);
    const fourth = new Asker(budget, '4');
    await settled();
    gone.abort();
    late.abort(new DOMException('late', 'TimeoutError'));
    await settled();
    expect(second.error).toMatchObject({ code: 'CONNECTION_FAILED', retryable: true });
    expect(third.error).toMatchObject({ code: 'RATE_LIMITED', message: expect.stringContaining('sign-ins') });
    first.permit!.release();
    await settled();
    expect(fourth.permit).toBeDefined();
    await expect(budget.admit({ host: 'a.example' }, AbortSignal.abort())).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
    });
  });

  it('has room for everybody again, whatever happened in whatever order', async () => {
    const step = fc.record({
      who: fc.nat(11),
      host: fc.nat(2),
      what: fc.constantFrom('ask', 'signedIn', 'release', 'abort'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const bounds = { connections: 5, connectionsPerHost: 3, signIns: 3, signInsPerHost: 2 };
        const budget = budgetOf(bounds);
        const all: { asker: Asker; end: AbortController; host: number; signedIn: boolean; released: boolean }[] = [];
        for (const { who, host, what } of steps) {
          const one = all[who % Math.max(1, all.length)];
          if (what === 'ask' || !one) {
            const end = new AbortController();
            const asker = new Asker(budget, `${who}`, `${host}.example`, end.signal);
            all.push({ asker, end, host, signedIn: false, released: false });
          } else if (what === 'abort') one.end.abort();
          else if (one.asker.permit) {
            one.asker.permit[what]();
            one.signedIn = true;
            one.released ||= what === 'release';
          }
          await settled();
          const open = all.filter(({ asker, released }) => asker.permit && !released);
          const ofHost = (at: number) => open.filter((other) => other.host === at);
          expect(open.length).toBeLessThanOrEqual(bounds.connections);
          expect(open.filter(({ signedIn }) => !signedIn).length).toBeLessThanOrEqual(bounds.signIns);
          for (const at of [0, 1, 2]) {
            expect(ofHost(at).length).toBeLessThanOrEqual(bounds.connectionsPerHost);
            expect(ofHost(at).filter(({ signedIn }) => !signedIn).length).toBeLessThanOrEqual(bounds.signInsPerHost);
          }
        }
        // Whoever still waits gets in when those before have left.
        for (let round = 0; round < all.length + 1; round += 1) {
          for (const { asker } of all) asker.permit?.release();
          await settled();
        }
        expect(all.filter(({ asker }) => !asker.permit && !asker.error)).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });
});
