import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startDovecot, type Dovecot } from '../servers/dovecot.js';
import { StoppablePostgres } from '../servers/postgres-cluster.js';
import { GatewayProcess } from './gateway-process.js';
import { Maildrop, type Phase } from './pop3-loss/maildrop.js';
import { add } from './random-operations/operations-log.js';
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
const newMaildrop = (): Promise<Maildrop> => Maildrop.fill(dovecot, `drop${(users += 1)}`, messages, random);

beforeAll(async () => {
  dovecot = await startDovecot();
}, 60_000);
afterAll(() => dovecot.stop());

/** A moment after a phase has begun that comes soon or, where there is nothing left to do, does not. */
async function momentIn(maildrop: Maildrop): Promise<void> {
  const phase = random.pick<Phase>(['begin', 'fetch', 'fetch', 'delete', 'delete', 'quit', 'idle'])!;
  await maildrop.reach(phase, () => maildrop.phase === phase, 2_000).catch(() => undefined);
  await delay(random.below(phase === 'fetch' ? 400 : 15));
}

/** @returns in which phase */
async function killIn(maildrop: Maildrop, gateway: GatewayProcess): Promise<string> {
  const moment = momentIn(maildrop);
  void maildrop.visit(gateway.client);
  await moment;
  const { phase } = maildrop;
  await gateway.kill();
  maildrop.phase = 'idle';
  return `killed, ${phase}`;
}

/** @returns in which phase; a session may have ended before it came to the octet */
async function cutIn(maildrop: Maildrop, gateway: GatewayProcess): Promise<string> {
  if (!maildrop.proxy.cut) await maildrop.cutSoon(random);
  await maildrop.visit(gateway.client);
  maildrop.proxy.cut = undefined;
  return maildrop.cutIn ? `cut, ${maildrop.cutIn}` : 'not cut';
}

async function atTheEnd(maildrop: Maildrop, gateway: GatewayProcess): Promise<void> {
  await maildrop.drain(gateway);
  expect(await maildrop.downloaded(gateway.client)).toEqual(maildrop.expected);
  expect(await dovecot.listMessages(maildrop.user)).toEqual([]);
}

describe(`downloads with policy DELETE (seed ${seed})`, () => {
  it(`lose nothing at any moment and double nothing: ${runs} runs of ${messages} messages, killed or cut`, async () => {
    const gateway = await GatewayProcess.prepare(dovecot);
    const hit = new Map<string, number>();
    let fetches = 0;
    let looks = 0;
    try {
      await gateway.start();
      for (let run = 0; run < runs; run += 1) {
        const maildrop = await newMaildrop();
        const stopWatching = maildrop.watchUnion(gateway);
        // The account's first visit begins as soon as it is added.
        if (run % 2 === 1) await maildrop.cutSoon(random);
        await maildrop.addTo(gateway.client);
        for (let i = 0; i < disturbances; i += 1) {
          const what = await (run % 2 === 0 ? killIn : cutIn)(maildrop, gateway);
          add(hit, what);
          expect({ run, i, what, missing: await maildrop.missing(gateway) }).toMatchObject({ missing: [] });
          if (run % 2 === 0) await gateway.start();
        }
        await atTheEnd(maildrop, gateway);
        const union = await stopWatching();
        expect(union.missing).toEqual([]);
        looks += union.looks;
        fetches += maildrop.fetches;
        await maildrop.close();
      }
    } finally {
      await gateway.stop();
    }
    if (process.env.POP3_LOSS_RUNS) console.log({ seed, runs, hit, looks, fetches, messages: runs * messages });
    expect(looks).toBeGreaterThanOrEqual(runs);
    expect(fetches).toBeGreaterThanOrEqual(runs * messages);
  }, 7_200_000);

  describe('over a database that goes away', () => {
    let postgres: StoppablePostgres;
    let gateway: GatewayProcess;
    let maildrop: Maildrop;
    beforeEach(async () => {
      postgres = await StoppablePostgres.start();
      gateway = await GatewayProcess.prepare(dovecot, { url: postgres.url, drop: async () => undefined });
      maildrop = await newMaildrop();
      await gateway.start();
    }, 60_000);
    afterEach(async () => {
      await gateway.stop();
      await maildrop.close();
      await postgres.stop();
    }, 60_000);

    /** Added, and held where so many commands have passed. */
    const heldAt = async (what: 'fetches' | 'deletions'): Promise<void> => {
      const some = what === 'fetches' ? random.between(1, messages - 100) : 1;
      const held = maildrop.reach(what, () => maildrop[what] >= some).then(() => maildrop.proxy.hold());
      await maildrop.addTo(gateway.client);
      await held;
    };

    it.each(['fetches', 'deletions'] as const)(
      'stopped in the middle of %s: they go on by themselves once it is back',
      async (what) => {
        await heldAt(what);
        await postgres.stop();
        maildrop.proxy.release();
        await delay(random.below(3_000));
        await postgres.startAgain();
        expect(await maildrop.missing(gateway)).toEqual([]);
        await maildrop.emptied();
        expect(await maildrop.missing(gateway)).toEqual([]);
        await atTheEnd(maildrop, gateway);
      },
      180_000,
    );

    it('frozen in the middle of fetches: nothing is deleted meanwhile, and they go on by themselves', async () => {
      await heldAt('fetches');
      await postgres.freeze();
      try {
        maildrop.proxy.release();
        await delay(5_000);
        expect(maildrop.deletions).toBe(0);
        expect(await dovecot.listMessages(maildrop.user)).toHaveLength(messages);
      } finally {
        await postgres.thaw();
      }
      await maildrop.emptied();
      await atTheEnd(maildrop, gateway);
    }, 180_000);
  });

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
      const inTheMiddle = maildrop.reach('fetches', () => maildrop.fetches >= messages / 3);
      await maildrop.addTo(one.client);
      await inTheMiddle;
      one.freeze();
      expect(await dovecot.listMessages(maildrop.user)).toHaveLength(messages);
      const frozen = new Map([...maildrop.said].map(([connection, said]) => [connection, { ...said }]));
      await two.start();
      expect(await maildrop.missing(two)).toEqual([]);
      await maildrop.emptied();
      one.thaw();
      await atTheEnd(maildrop, two);
      await delay(2_000);
      for (const [connection, said] of frozen) expect(maildrop.said.get(connection)).toEqual(said);
      expect(await maildrop.downloaded(two.client)).toEqual(maildrop.expected);
    } finally {
      one.thaw();
      await two.stop();
      await one.stop();
      await maildrop.close();
    }
  }, 180_000);
});
