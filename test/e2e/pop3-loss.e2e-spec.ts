import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startDovecot, type Dovecot } from '../servers/dovecot.js';
import { StoppablePostgres } from '../servers/postgres-cluster.js';
import { GatewayProcess } from './gateway-process.js';
import { Maildrop, type Phase } from './pop3-loss/maildrop.js';
import { Random } from './random-operations/random.js';

/** The long form: POP3_LOSS_RUNS=200. */
const runs = Number(process.env.POP3_LOSS_RUNS ?? 2);
const messages = Number(process.env.POP3_LOSS_MESSAGES ?? 300);
const seed = Number(process.env.POP3_LOSS_SEED ?? Math.floor(Math.random() * 2 ** 31));
/** Each run is disturbed so often. */
const disturbances = 3;
const random = new Random(seed);

let dovecot: Dovecot;
let users = 0;
const newMaildrop = (): Promise<Maildrop> => Maildrop.fill(dovecot, `drop${(users += 1)}`, messages);

beforeAll(async () => {
  dovecot = await startDovecot();
}, 60_000);
afterAll(() => dovecot.stop());

/** Resolves a moment after a phase has begun, or after two seconds. */
async function momentAfter(maildrop: Maildrop, phase: Phase): Promise<void> {
  const stop = new AbortController();
  maildrop.onPhase = (begun) => {
    if (begun === phase) stop.abort();
  };
  await delay(2_000, undefined, { signal: stop.signal }).catch(() => undefined);
  maildrop.onPhase = undefined;
  await delay(random.below(phase === 'fetch' ? 400 : 15));
}

const anyPhase = (): Phase => random.pick(['begin', 'fetch', 'fetch', 'delete', 'quit'] as const)!;

async function atTheEnd(maildrop: Maildrop, gateway: GatewayProcess): Promise<void> {
  await maildrop.drain(gateway);
  expect(await maildrop.downloaded(gateway.client)).toEqual(maildrop.expected);
  expect(await dovecot.listMessages(maildrop.user)).toEqual([]);
}

describe(`downloads with policy DELETE (seed ${seed})`, () => {
  it(`lose nothing at any moment and double nothing: ${runs} runs of ${messages} messages, killed or cut`, async () => {
    const gateway = await GatewayProcess.prepare(dovecot);
    const hit: Record<string, number> = {};
    let fetches = 0;
    try {
      await gateway.start();
      for (let run = 0; run < runs; run += 1) {
        const maildrop = await newMaildrop();
        const kills = run % 2 === 0;
        for (let i = 0; i < disturbances; i += 1) {
          if (!kills) {
            const direction = random.chance(0.5) ? 'toServer' : 'toClient';
            const most = direction === 'toServer' ? 20 * messages : 12_000 * messages;
            maildrop.proxy.cut = { direction, afterBytes: random.below(most) };
          }
          if (i === 0) await maildrop.addTo(gateway.client);
          if (kills) {
            const moment = momentAfter(maildrop, anyPhase());
            void maildrop.visit(gateway.client);
            await moment;
            await gateway.kill();
          } else await maildrop.visit(gateway.client);
          const what = `${kills ? 'killed' : 'cut'} at ${maildrop.phase}`;
          hit[what] = (hit[what] ?? 0) + 1;
          expect({ run, i, what, missing: await maildrop.missing(gateway) }).toMatchObject({ missing: [] });
          if (kills) await gateway.start();
        }
        maildrop.proxy.cut = undefined;
        await atTheEnd(maildrop, gateway);
        fetches += maildrop.fetches;
        await maildrop.close();
      }
    } finally {
      await gateway.stop();
    }
    if (process.env.POP3_LOSS_RUNS) console.log({ seed, runs, hit, fetches, messages: runs * messages });
    expect(fetches).toBeGreaterThanOrEqual(runs * messages);
  }, 3_600_000);

  it.each(['fetch', 'delete'] as const)(
    'survive a database that is stopped in the middle (%s)',
    async (phase) => {
      const postgres = await StoppablePostgres.start();
      const gateway = await GatewayProcess.prepare(dovecot, { url: postgres.url, drop: async () => undefined });
      const maildrop = await newMaildrop();
      try {
        await gateway.start();
        const moment = momentAfter(maildrop, phase);
        await maildrop.addTo(gateway.client);
        await moment;
        await postgres.stop();
        await delay(random.below(3_000));
        await postgres.startAgain();
        expect(await maildrop.missing(gateway)).toEqual([]);
        await atTheEnd(maildrop, gateway);
      } finally {
        await gateway.stop();
        await maildrop.close();
        await postgres.stop();
      }
    },
    180_000,
  );

  it('are made once by two instances that are both asked at once', async () => {
    const one = await GatewayProcess.prepare(dovecot);
    const two = await one.another();
    const maildrop = await newMaildrop();
    try {
      await Promise.all([one.start(), two.start()]);
      await maildrop.addTo(one.client);
      await Promise.all([one, two, one, two].map(({ client }) => maildrop.visit(client)));
      expect(await maildrop.missing(one)).toEqual([]);
      await atTheEnd(maildrop, two);
      expect(maildrop.fetches).toBe(messages);
    } finally {
      await two.stop();
      await one.stop();
      await maildrop.close();
    }
  }, 120_000);

  it('are taken over from an instance that hangs, which does nothing more when it wakes', async () => {
    const one = await GatewayProcess.prepare(dovecot);
    const two = await one.another();
    const maildrop = await newMaildrop();
    try {
      await one.start();
      const moment = momentAfter(maildrop, 'fetch');
      await maildrop.addTo(one.client);
      await moment;
      one.freeze();
      await two.start();
      expect(await maildrop.missing(two)).toEqual([]);
      await delay(12_000);
      one.thaw();
      await atTheEnd(maildrop, two);
    } finally {
      one.thaw();
      await two.stop();
      await one.stop();
      await maildrop.close();
    }
  }, 180_000);
});
