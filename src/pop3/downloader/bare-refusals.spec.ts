import { describe, expect, it } from '@jest/globals';
import { rejected } from '../pop3.errors.js';
import { BareRefusals } from './bare-refusals.js';

const minute = 60_000;
const bare = rejected({ text: 'no' }, 'signIn');
const codes = (refusals: BareRefusals, minutes: readonly number[]): unknown[] =>
  minutes.map((at) => (refusals.judge(bare, at * minute) as { code: string }).code);

const temporary = 'SERVER_REJECTED';
const refused = 'AUTHENTICATION_FAILED';

describe('sign-ins refused without a reason', () => {
  it.each<[string, readonly number[], readonly string[]]>([
    ['three over half an hour prove that the credentials are wrong', [0, 15, 30], [temporary, temporary, refused]],
    ['many at once prove nothing', [0, 1, 2, 3, 29], Array.from({ length: 5 }, () => temporary)],
    ['two prove nothing, however far apart', [0, 600], [temporary, temporary]],
    ['once proven it stays so', [0, 20, 40, 100], [temporary, temporary, refused, refused]],
  ])('case 19: %s', (_, minutes, wanted) => {
    expect(codes(new BareRefusals(), minutes)).toEqual(wanted);
  });

  it('case 19: begins anew once somebody was let in', () => {
    const refusals = new BareRefusals();
    codes(refusals, [0, 15]);
    refusals.clear();
    expect(codes(refusals, [30, 45, 60])).toEqual([temporary, temporary, refused]);
  });

  it('case 19: waits a quarter of an hour for the next attempt', () => {
    expect(new BareRefusals().judge(bare, 0)).toMatchObject({ retryable: true, retryAfterMs: 15 * minute });
  });

  it.each([
    rejected({ code: 'AUTH', text: 'wrong' }, 'signIn'),
    rejected({ code: 'IN-USE', text: 'locked' }, 'signIn'),
    new Error('else'),
  ])('case 19: leaves what says why alone: %s', (error) => {
    const refusals = new BareRefusals();
    expect([0, 15, 30].map((at) => refusals.judge(error, at * minute))).toEqual([error, error, error]);
  });
});
