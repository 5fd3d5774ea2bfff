import { describe, expect, it } from '@jest/globals';
import type { Pop3Account } from '../accounts/account.js';
import type { GatewayKeeper } from '../mailbox/keeper.port.js';
import type { PollResult } from '../mailbox/model/poll-result.js';
import { MailError } from '../mailbox/mailbox.errors.js';
import type { MessageStructures } from '../store/message-structures.port.js';
import type { MirrorStore } from '../store/mirror.port.js';
import { GatewayAccountRunner } from './gateway-account.runner.js';

const nothing: PollResult = {
  downloaded: 0,
  alreadyStored: 0,
  deletedOnServer: 0,
  skipped: 0,
  skippedMessages: [],
  bytes: 0,
  durationMs: 1,
  hasUidl: true,
  warnings: [],
};

type Poll = GatewayKeeper['poll'];

/** A runner of an account whose visits go as `poll` says, and when it wrote that it will come back. */
function runnerOf(poll: Poll): { runner: GatewayAccountRunner; nextPollsMs: number[] } {
  const nextPollsMs: number[] = [];
  const tx = {
    setPoll: async ({ nextPollAt }: { nextPollAt: Date }) => void nextPollsMs.push(nextPollAt.getTime()),
    mailboxes: async () => [],
  };
  const mirror = { write: async (_: unknown, work: (tx: unknown) => Promise<void>) => work(tx) };
  const policy = { afterDownload: 'KEEP', deleteWhenExpunged: false, pollIntervalSeconds: 300 };
  const runner = new GatewayAccountRunner({
    account: { id: 'a', policy } as unknown as Pop3Account,
    keeper: { poll } as unknown as GatewayKeeper,
    epoch: 0n,
    mirror: mirror as unknown as MirrorStore,
    structures: { readSoon: () => undefined } as unknown as MessageStructures,
    status: async () => undefined,
  });
  return { runner, nextPollsMs };
}
const never = new AbortController().signal;

describe('GatewayAccountRunner', () => {
  it.each([
    ['at the interval', undefined, 300],
    ['at the interval where the server asks for less', 60, 300],
    ['a tenth later than the server asks for', 900, 990],
  ])('comes back %s, and up to a tenth later', async (_, pauseSeconds, wantedSeconds) => {
    const { runner, nextPollsMs } = runnerOf(async () => ({ ...nothing, pauseSeconds }));
    const before = Date.now();
    await runner.syncNow(never);
    const seconds = (nextPollsMs[0]! - before) / 1000;
    expect(seconds).toBeGreaterThanOrEqual(wantedSeconds);
    expect(seconds).toBeLessThanOrEqual(wantedSeconds * 1.1 + 1);
  });

  it('visits at once when it begins, but not again when somebody else just has', async () => {
    let visits = 0;
    const { runner } = runnerOf(async () => {
      visits += 1;
      return nothing;
    });
    await runner.syncNow(never);
    const stop = new AbortController();
    const running = runner.run(stop.signal);
    await new Promise((resolve) => setImmediate(resolve));
    stop.abort();
    await running;
    expect(visits).toBe(1);
    const fresh = runnerOf(async () => {
      throw new MailError('TIMEOUT', 'silent');
    });
    await expect(fresh.runner.run(never)).rejects.toMatchObject({ code: 'TIMEOUT' });
  });

  it('makes one visit at a time', async () => {
    let open = 0;
    let most = 0;
    const { runner } = runnerOf(async () => {
      most = Math.max(most, (open += 1));
      await new Promise((resolve) => setImmediate(resolve));
      open -= 1;
      return nothing;
    });
    await Promise.all([1, 2, 3].map(() => runner.syncNow(never)));
    expect(most).toBe(1);
  });

  it.each([
    ['a message came in', [3, 4], true],
    ['nothing came in', [3], false],
    ['it did not get that far', [], false],
  ])('counts a visit that broke as progress only where %s', async (_, dones, isProgress) => {
    const { runner } = runnerOf(async (_epoch, onProgress) => {
      for (const done of dones) onProgress(done, 9);
      throw new MailError('CONNECTION_FAILED', 'cut');
    });
    await expect(runner.syncNow(never)).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
    expect(runner.visits.lastProgressMs > 0).toBe(isProgress);
  });
});
