import { describe, expect, it } from '@jest/globals';
import type { Pop3Policy } from '../../accounts/account.js';
import { parseCapabilities } from '../capabilities.js';
import { pollWarnings } from './poll-warnings.js';

const KEEP: Pop3Policy = { afterDownload: 'KEEP', deleteWhenExpunged: false, pollIntervalSeconds: 300 };
const DAYS: Pop3Policy = { ...KEEP, afterDownload: 'DELETE_AFTER_DAYS', deleteAfterDays: 14 };
const DELETE: Pop3Policy = { ...KEEP, afterDownload: 'DELETE' };

describe('the warnings of a poll', () => {
  it.each<[string, readonly string[], Pop3Policy, boolean, readonly string[]]>([
    ['says nothing where all is well', ['EXPIRE NEVER', 'LOGIN-DELAY 60'], KEEP, true, []],
    ['mail that goes once it was fetched cannot be kept', ['EXPIRE 0'], KEEP, true, ['EXPIRES_BEFORE_POLICY']],
    ['nor mail that goes after some days', ['EXPIRE 30'], KEEP, true, ['EXPIRES_BEFORE_POLICY']],
    ['mail goes before the policy wants it to', ['EXPIRE 7 USER'], DAYS, true, ['EXPIRES_BEFORE_POLICY']],
    ['mail goes later than the policy wants it to', ['EXPIRE 14'], DAYS, true, []],
    ['what is deleted anyway may expire', ['EXPIRE 0'], DELETE, true, []],
    ['no UIDL', [], DELETE, false, ['NO_UIDL']],
    ['pauses longer than the interval', ['LOGIN-DELAY 900'], KEEP, true, ['POLLED_LESS_OFTEN']],
    [
      'all at once',
      ['LOGIN-DELAY 900', 'EXPIRE 1'],
      DAYS,
      false,
      ['EXPIRES_BEFORE_POLICY', 'NO_UIDL', 'POLLED_LESS_OFTEN'],
    ],
  ])('%s', (_, lines, policy, hasUidl, wanted) => {
    const warnings = pollWarnings({ entries: [], hasUidl }, parseCapabilities(lines), policy);
    expect(warnings.map(({ code }) => code)).toEqual(wanted);
  });

  it('names the setting that does not fit', () => {
    const texts = [DAYS, KEEP, { ...KEEP, afterDownload: 'DELETE', deleteWhenExpunged: true } as const].map(
      (policy) => pollWarnings({ entries: [], hasUidl: false }, undefined, policy)[0]?.message,
    );
    expect(texts).toEqual([
      expect.stringContaining('afterDownload should be DELETE or KEEP'),
      expect.stringContaining('afterDownload DELETE'),
      expect.stringContaining('deleteWhenExpunged'),
    ]);
  });
});
