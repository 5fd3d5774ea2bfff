import { describe, expect, it } from '@jest/globals';
import type { LedgerRow } from '../../store/download-ledger.port.js';
import type { Uidl } from '../listing.js';
import type { Check } from './plan-visit.js';
import { Recognition } from './recognition.js';

const row = (id: string, more: Partial<LedgerRow> = {}): LedgerRow => ({
  id,
  uidl: id,
  state: 'STORED',
  listSizeBytes: 100,
  sha256: 'octets',
  headerSha256: 'header',
  onServer: true,
  attempts: 0,
  purged: false,
  ...more,
});
const check = (uidl: string, kind: Check['kind'], sizeBytes = 100): Check => ({
  number: 1,
  uidl: uidl as Uidl,
  sizeBytes,
  kind,
});
const octets = { sha256: 'octets', headerSha256: 'header' };

describe('recognition', () => {
  it('gives each row once, that of the same id first', () => {
    const known = new Recognition([row('a'), row('b')]);
    expect(known.takeByOctets(check('b', 'reused'), octets)?.id).toBe('b');
    expect(known.takeByOctets(check('b', 'reused'), octets)?.id).toBe('a');
    expect(known.takeByOctets(check('b', 'reused'), octets)).toBeUndefined();
    expect(known.untaken()).toEqual([]);
  });

  it('does not take new mail for what was deleted under another id', () => {
    const deleted = row('a', { state: 'DELETED', onServer: false });
    expect(new Recognition([deleted]).takeByOctets(check('b', 'reused'), octets)).toBeUndefined();
    expect(new Recognition([deleted]).takeByOctets(check('a', 'reused'), octets)?.id).toBe('a');
    expect(new Recognition([deleted]).takeByOctets({ number: 1 }, octets)?.id).toBe('a');
    expect(new Recognition([deleted]).takeByHeader(check('b', 'renumbered'), 'header')).toBeUndefined();
  });

  it('takes the header for the message under the same id, and under a new one where the size is the same too', () => {
    const one = (): Recognition => new Recognition([row('a')]);
    expect(one().takeByHeader(check('a', 'reused', 120), 'header')?.id).toBe('a');
    expect(one().takeByHeader(check('b', 'reused'), 'header')).toBeUndefined();
    expect(one().takeByHeader(check('b', 'renumbered'), 'header')?.id).toBe('a');
    expect(one().takeByHeader(check('b', 'renumbered', 120), 'header')).toBeUndefined();
    expect(one().takeByHeader(check('a', 'reused'), 'other')).toBeUndefined();
    expect(one().takeByOctets(check('a', 'reused'), { sha256: 'other', headerSha256: 'header' })?.id).toBe('a');
    expect(one().takeByOctets(check('b', 'reused'), { sha256: 'other', headerSha256: 'header' })).toBeUndefined();
  });

  it('never recognises by a header that is none', () => {
    const known = new Recognition([row('a', { headerSha256: undefined })]);
    expect(known.takeByHeader(check('a', 'reused'), undefined)).toBeUndefined();
    expect(known.takeByOctets(check('a', 'reused'), { sha256: 'other' })).toBeUndefined();
  });

  it('goes by the id alone only where it names one message that was always there', () => {
    expect(new Recognition([row('a')]).takeById(check('a', 'deletion'))?.id).toBe('a');
    expect(new Recognition([row('a', { onServer: false })]).takeById(check('a', 'deletion'))).toBeUndefined();
    expect(
      new Recognition([row('1', { uidl: 'a' }), row('2', { uidl: 'a' })]).takeById(check('a', 'deletion')),
    ).toBeUndefined();
  });
});
