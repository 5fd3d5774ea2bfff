import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { ERROR_CODES } from '../mailbox/model/error-code.js';
import { ACCOUNT_STATES, type AccountState, type AccountStatus } from './account.js';
import { initialStatus, nextStatus, type AccountEvent } from './account-state.js';

const at = (ms: number): Date => new Date(ms);
const failed = (code: (typeof ERROR_CODES)[number], nextAttemptAt?: Date): AccountEvent => ({
  kind: 'failed',
  error: { code, message: 'no' },
  nextAttemptAt,
});
const postponed: AccountEvent = {
  kind: 'postponed',
  error: { code: 'MAILDROP_LOCKED', message: 'postponed' },
  nextAttemptAt: at(99),
};
const inState = (state: AccountState): AccountStatus => ({ state, since: at(1) });

describe('nextStatus', () => {
  const table: [AccountState, Exclude<AccountEvent['kind'], 'failed' | 'postponed'>, AccountState][] = [
    ['CONNECTING', 'connecting', 'CONNECTING'],
    ['SYNCING', 'connecting', 'CONNECTING'],
    ['ONLINE', 'connecting', 'CONNECTING'],
    ['OFFLINE', 'connecting', 'OFFLINE'],
    ['AUTHENTICATION_FAILED', 'connecting', 'AUTHENTICATION_FAILED'],
    ['PAUSED', 'connecting', 'PAUSED'],
    ['CONNECTING', 'synchronising', 'SYNCING'],
    ['SYNCING', 'synchronising', 'SYNCING'],
    ['ONLINE', 'synchronising', 'ONLINE'],
    ['OFFLINE', 'synchronising', 'SYNCING'],
    ['AUTHENTICATION_FAILED', 'synchronising', 'SYNCING'],
    ['PAUSED', 'synchronising', 'PAUSED'],
    ['CONNECTING', 'succeeded', 'ONLINE'],
    ['SYNCING', 'succeeded', 'ONLINE'],
    ['ONLINE', 'succeeded', 'ONLINE'],
    ['OFFLINE', 'succeeded', 'ONLINE'],
    ['AUTHENTICATION_FAILED', 'succeeded', 'ONLINE'],
    ['PAUSED', 'succeeded', 'PAUSED'],
    ['CONNECTING', 'paused', 'PAUSED'],
    ['SYNCING', 'paused', 'PAUSED'],
    ['ONLINE', 'paused', 'PAUSED'],
    ['OFFLINE', 'paused', 'PAUSED'],
    ['AUTHENTICATION_FAILED', 'paused', 'PAUSED'],
    ['PAUSED', 'paused', 'PAUSED'],
    ['CONNECTING', 'resumed', 'CONNECTING'],
    ['SYNCING', 'resumed', 'SYNCING'],
    ['ONLINE', 'resumed', 'ONLINE'],
    ['OFFLINE', 'resumed', 'OFFLINE'],
    ['AUTHENTICATION_FAILED', 'resumed', 'AUTHENTICATION_FAILED'],
    ['PAUSED', 'resumed', 'CONNECTING'],
    ['CONNECTING', 'settingsChanged', 'CONNECTING'],
    ['SYNCING', 'settingsChanged', 'CONNECTING'],
    ['ONLINE', 'settingsChanged', 'CONNECTING'],
    ['OFFLINE', 'settingsChanged', 'CONNECTING'],
    ['AUTHENTICATION_FAILED', 'settingsChanged', 'CONNECTING'],
    ['PAUSED', 'settingsChanged', 'PAUSED'],
  ];
  it.each(table)('%s, %s: %s', (from, kind, to) => {
    expect(nextStatus(inState(from), { kind }, at(2)).state).toBe(to);
  });

  it.each(ERROR_CODES)('calls an account whose failure is %s what it is', (code) => {
    const status = nextStatus(inState('ONLINE'), failed(code, at(9)), at(2));
    expect(status).toEqual({
      state: code === 'AUTHENTICATION_FAILED' ? 'AUTHENTICATION_FAILED' : 'OFFLINE',
      since: at(2),
      lastError: { code, message: 'no', at: at(2) },
      nextAttemptAt: at(9),
    });
  });

  it.each(ACCOUNT_STATES.filter((state) => state !== 'PAUSED'))(
    'tells of what is postponed and leaves %s alone, until it is done',
    (state) => {
      const status = nextStatus({ ...inState(state), lastSuccessAt: at(1) }, postponed, at(2));
      expect(status).toMatchObject({ state, since: at(1), nextAttemptAt: at(99) });
      expect(status.lastError).toEqual({ code: 'MAILDROP_LOCKED', message: 'postponed', at: at(2) });
      expect(nextStatus(status, { kind: 'succeeded' }, at(3))).toMatchObject({ state: 'ONLINE', lastError: undefined });
    },
  );

  it('keeps since while a failure repeats, and tells the newest error', () => {
    const first = nextStatus(inState('ONLINE'), failed('TIMEOUT', at(5)), at(2));
    const second = nextStatus(first, failed('CONNECTION_FAILED', at(9)), at(6));
    expect(second).toMatchObject({
      since: at(2),
      nextAttemptAt: at(9),
      lastError: { code: 'CONNECTION_FAILED', at: at(6) },
    });
  });

  it('writes the last success of a healthy account only now and then', () => {
    const online = nextStatus(inState('CONNECTING'), { kind: 'succeeded' }, at(10_000));
    expect(nextStatus(online, { kind: 'succeeded' }, at(39_999))).toBe(online);
    expect(nextStatus(online, { kind: 'succeeded' }, at(40_000))).toEqual({ ...online, lastSuccessAt: at(40_000) });
  });

  const event: fc.Arbitrary<AccountEvent> = fc.oneof(
    fc.constantFrom<AccountEvent>(
      postponed,
      { kind: 'connecting' },
      { kind: 'synchronising' },
      { kind: 'succeeded' },
      { kind: 'paused' },
      { kind: 'resumed' },
      { kind: 'settingsChanged' },
    ),
    fc
      .tuple(fc.constantFrom(...ERROR_CODES), fc.option(fc.nat(), { nil: undefined }))
      .map(([code, delay]) => failed(code, delay === undefined ? undefined : at(delay))),
  );
  const history = fc.array(fc.tuple(event, fc.nat(60_000)));

  it('never tells a status that contradicts itself, whatever happens', () => {
    fc.assert(
      fc.property(history, (steps) => {
        let now = 0;
        let status = initialStatus(at(now));
        for (const [step, elapsed] of steps) {
          now += elapsed;
          const next = nextStatus(status, step, at(now));
          const failing = next.state === 'OFFLINE' || next.state === 'AUTHENTICATION_FAILED';
          expect(ACCOUNT_STATES).toContain(next.state);
          expect(next.since).toEqual(next.state === status.state ? status.since : at(now));
          const isPostponed = next.lastError?.message === 'postponed';
          const holds = {
            waitsOnlyWhenFailing: failing || isPostponed || !next.nextAttemptAt,
            saysWhatFails: !failing || !!next.lastError,
            forgetsErrorsWhenWell:
              !['ONLINE', 'PAUSED'].includes(next.state) || !next.lastError || (isPostponed && next.state === 'ONLINE'),
            knowsItsSuccess: next.state !== 'ONLINE' || !!next.lastSuccessAt,
            onlyResumingEndsPause: status.state !== 'PAUSED' || next.state === 'PAUSED' || step.kind === 'resumed',
          };
          expect(holds).toEqual(Object.fromEntries(Object.keys(holds).map((name) => [name, true])));
          expect(next.lastSuccessAt?.getTime() ?? 0).toBeGreaterThanOrEqual(status.lastSuccessAt?.getTime() ?? 0);
          status = next;
        }
      }),
    );
  });

  it('is idempotent at one moment', () => {
    fc.assert(
      fc.property(history, event, (steps, last) => {
        const status = steps.reduce((s, [step, ms]) => nextStatus(s, step, at(ms)), initialStatus(at(0)));
        const once = nextStatus(status, last, at(70_000));
        expect(nextStatus(once, last, at(70_000))).toEqual(once);
      }),
    );
  });
});
