import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Kind } from 'graphql';
import { toPublicId } from '../common/public-id.js';
import { uuidV7 } from '../common/uuid.js';
import { isMailError } from '../mailbox/mailbox.errors.js';
import { findId, findIds, requireId } from './ids.js';
import { decodeImport } from './import-octets.js';
import { toMessageFilter } from './message-filter.js';
import { bulkIds } from './message-commands.js';
import { toPageRequest } from './page-args.js';
import { SCALARS } from './scalars.js';

const DateTime = SCALARS['DateTime']!;
const Url = SCALARS['URL']!;
const ChangeCursor = SCALARS['ChangeCursor']!;

function errorOf(work: () => unknown): { code?: string; field?: readonly string[] } {
  try {
    work();
  } catch (error) {
    return isMailError(error) ? { code: error.code, field: error.field } : { code: 'other' };
  }
  return {};
}

describe('DateTime', () => {
  it('reads back every instant that it writes', () => {
    const instants = fc.date({
      min: new Date('0001-01-01T00:00:00Z'),
      max: new Date('9999-12-31T23:59:59.999Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(instants, (date) => {
        expect(DateTime.parseValue(DateTime.serialize(date))).toEqual(date);
      }),
    );
  });

  it.each([
    ['2026-11-23T10:15:00Z', '2026-11-23T10:15:00.000Z'],
    ['2026-11-23t10:15:00.5+02:00', '2026-11-23T08:15:00.500Z'],
    ['2024-02-29T00:00:00-00:30', '2024-02-29T00:30:00.000Z'],
  ])('takes %s', (text, expected) => {
    expect((DateTime.parseValue(text) as Date).toISOString()).toBe(expected);
  });

  it.each([
    '2026-11-23',
    '2026-11-23T10:15:00',
    '2026-11-23 10:15:00Z',
    '2026-02-30T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2025-02-29T00:00:00Z',
    '2026-11-23T24:00:00Z',
    'now',
    '',
    0,
    null,
    {},
  ])('refuses %j', (value) => {
    expect(() => DateTime.parseValue(value)).toThrow('DateTime');
  });

  it('takes a text in the query, and no number', () => {
    expect(DateTime.parseLiteral({ kind: Kind.STRING, value: '2026-11-23T10:15:00Z' })).toBeInstanceOf(Date);
    expect(() => DateTime.parseLiteral({ kind: Kind.INT, value: '5' })).toThrow('DateTime');
  });
});

describe('URL and ChangeCursor', () => {
  it('takes http and https addresses only', () => {
    expect(Url.parseValue('https://example.org/token')).toBe('https://example.org/token');
    for (const bad of ['javascript:alert(1)', 'file:///etc/passwd', 'example.org', '', 7]) {
      expect(() => Url.parseValue(bad)).toThrow('URL must');
    }
  });

  it('refuses cursors that are no text, empty or endless', () => {
    for (const bad of ['', 'x'.repeat(300), 5]) expect(() => ChangeCursor.parseValue(bad)).toThrow('ChangeCursor');
  });
});

describe('ids', () => {
  const uuid = uuidV7();

  it('are found by kind, and by nothing else', () => {
    expect(findId('message', toPublicId('message', uuid))).toBe(uuid);
    expect(findId('mailbox', toPublicId('message', uuid))).toBeUndefined();
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(findId('account', text)).toBeUndefined();
      }),
    );
  });

  it('that are required and none are NOT_FOUND, with the place', () => {
    expect(errorOf(() => requireId('account', 'acc_1', ['input', 'accountId']))).toEqual({
      code: 'NOT_FOUND',
      field: ['input', 'accountId'],
    });
  });

  it('of a bulk are taken once each, and those that are none fail by themselves', () => {
    const id = toPublicId('message', uuid);
    const { ids, unknown } = bulkIds([id, 'msg_x', id, 'msg_x'], 10);
    expect(ids).toEqual([uuid]);
    expect(unknown).toMatchObject([{ id: 'msg_x', error: { code: 'NOT_FOUND' } }]);
    expect(errorOf(() => bulkIds([id, id, id], 2))).toEqual({ code: 'INVALID_INPUT', field: ['input', 'ids'] });
  });
});

describe('toMessageFilter', () => {
  const id = toPublicId('mailbox', uuidV7());

  it('leaves out what is null, also inside', () => {
    expect(toMessageFilter({ seen: null, subject: 'x', not: { flagged: true, from: null } })).toEqual({
      subject: 'x',
      not: { flagged: true },
    });
    expect(toMessageFilter(null)).toEqual({});
  });

  it('keeps a list of ids that match nothing, for it must match nothing', () => {
    expect(toMessageFilter({ mailboxIds: ['mbx_gone'] })).toEqual({ mailboxIds: [] });
    expect(toMessageFilter({ or: [{ mailboxIds: [id] }] })).toEqual({ or: [{ mailboxIds: findIds('mailbox', [id]) }] });
  });

  it('bounds depth, width and length', () => {
    let deep: object = { seen: true };
    for (let i = 0; i < 6; i++) deep = { not: deep };
    expect(errorOf(() => toMessageFilter(deep))).toMatchObject({ code: 'INVALID_INPUT' });
    expect(errorOf(() => toMessageFilter({ or: Array.from({ length: 60 }, () => ({ seen: true })) }))).toMatchObject({
      code: 'INVALID_INPUT',
    });
    expect(errorOf(() => toMessageFilter({ and: [{ subject: 'x'.repeat(501) }] }))).toEqual({
      code: 'INVALID_INPUT',
      field: ['filter', 'subject'],
    });
  });
});

describe('toPageRequest', () => {
  it('reads forward from the start where nothing is said', () => {
    expect(toPageRequest({}, 200)).toEqual({ first: 50, after: undefined });
    expect(toPageRequest({ before: 'c' }, 200)).toEqual({ last: 50, before: 'c' });
  });

  it.each([
    [{ first: 0 }, 'first'],
    [{ first: 201 }, 'first'],
    [{ last: -1 }, 'last'],
    [{ first: 5, last: 5 }, 'first'],
    [{ after: 'a', before: 'b' }, 'after'],
  ])('names the argument that is wrong: %j', (args, field) => {
    expect(errorOf(() => toPageRequest(args, 200))).toEqual({ code: 'INVALID_INPUT', field: [field] });
  });
});

describe('decodeImport', () => {
  it('gives back any octets, up to the limit', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), (octets) => {
        const base64 = Buffer.from(octets).toString('base64');
        expect(decodeImport(base64, 64)).toEqual(Buffer.from(octets));
        expect(errorOf(() => decodeImport(base64, octets.length - 1)).code).toBe('TOO_LARGE');
      }),
    );
  });

  it.each(['', 'abc', 'ab=c', 'YWJj\n', 'YW Jj', '====', 'YWJj_-=='])(
    'refuses %j, of which octets would be lost',
    (text) => {
      expect(errorOf(() => decodeImport(text, 100))).toEqual({ code: 'INVALID_INPUT', field: ['input', 'rawBase64'] });
    },
  );
});
