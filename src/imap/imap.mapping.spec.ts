import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { toFlags, toRemoteFlags, toRemoteMailbox, toRemoteMessage, toStatus, type FetchedRow } from './imap.mapping.js';

const row = (patch: object = {}): FetchedRow => ({
  seq: 1,
  uid: 7,
  internalDate: new Date('2026-11-23T10:00:00Z'),
  size: 1000,
  flags: new Set(['\\Seen']),
  envelope: {},
  bodyStructure: { type: 'text/plain', size: 10, encoding: '7BIT' },
  ...patch,
});

const data = (patch: object) => {
  const { root, ...others } = toRemoteMessage(row(patch))!.data;
  return { ...others, root: root! };
};

describe('a row of FETCH', () => {
  it('becomes a message', () => {
    const message = toRemoteMessage(
      row({
        modseq: 12n,
        flags: new Set(['\\Seen', '\\Recent', '\\Deleted', '$b', 'A']),
        emailId: 'E1',
        envelope: {
          date: new Date('2026-11-22T09:00:00Z'),
          subject: 'Hi\r\nthere\0',
          messageId: ' <id@x> ',
          inReplyTo: '<a@x> <b@x>',
          from: [{ name: 'Ann\u202E', address: 'ann@example.org' }],
          to: [{ name: 'undisclosed-recipients', address: '' }, { address: '@' }, { address: 'nobody@' }],
        },
        headers: Buffer.from('References: <r1@x>\r\n <r2@x>\r\n\r\n'),
      }),
    );
    expect(message).toMatchObject({
      uid: 7,
      modSeq: 12n,
      data: {
        flags: { seen: true, flagged: false, keywords: ['$b', 'A'] },
        sizeBytes: 1000,
        emailId: 'E1',
        envelope: {
          subject: 'Hi there\uFFFD',
          messageId: 'id@x',
          inReplyTo: ['a@x', 'b@x'],
          references: ['r1@x', 'r2@x'],
          from: [{ name: 'Ann', address: 'ann@example.org' }],
          to: [{ name: 'undisclosed-recipients' }],
          cc: [],
        },
        parseWarnings: [],
      },
    });
  });

  it('IMAP case 16: is a message with NIL everywhere', () => {
    const bare = data({ envelope: undefined, bodyStructure: undefined, flags: undefined, headers: undefined });
    expect(bare).toMatchObject({
      envelope: { from: [], references: [], inReplyTo: [] },
      root: { partNumber: '1', contentType: 'text/plain', sizeBytes: 1000 },
    });
    expect(bare.envelope.subject).toBeUndefined();
    expect(bare.parseWarnings).toHaveLength(2);
  });

  it('is none where it only tells of changed flags', () => {
    expect(toRemoteMessage(row({ internalDate: undefined }))).toBeUndefined();
    expect(toRemoteMessage(row({ uid: undefined }))).toBeUndefined();
    expect(toRemoteFlags(row({ flags: undefined }))).toBeUndefined();
    expect(toRemoteFlags(row())).toMatchObject({ uid: 7, flags: { seen: true } });
  });

  it('reads dates that imapflow could not, and believes no impossible ones', () => {
    expect(data({ envelope: { date: 'Mon, 23 Nov 26 10:00 EST (maybe)' } }).envelope.sentAt).toEqual(
      new Date('2026-11-23T15:00:00Z'),
    );
    expect(data({ envelope: { date: 'yesterday' } })).toMatchObject({ parseWarnings: ['date could not be read'] });
    expect(data({ envelope: { date: new Date('0099-01-01') } }).envelope.sentAt).toBeUndefined();
    expect(data({ internalDate: 'garbage' }).internalDate).toEqual(new Date(0));
  });

  it('IMAP case 16: bounds what a sender could make long', () => {
    const many = Array.from({ length: 20_000 }, (_, i) => ({ address: `a${i}@x` }));
    const { envelope, parseWarnings } = data({ envelope: { to: many, subject: 'x'.repeat(1e6) } });
    expect(envelope.to).toHaveLength(1000);
    expect(envelope.subject!.length).toBeLessThanOrEqual(4096);
    expect(parseWarnings).toEqual(['more than 1000 addresses in a field']);
  });

  it('never throws, whatever the texts are, and keeps NUL out', () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constant('\0'), fc.constant('\ud800'));
    const address = fc.record({ name: text, address: text });
    const envelope = fc.record({
      subject: text,
      messageId: text,
      inReplyTo: text,
      date: text,
      from: fc.array(address),
    });
    const structure = fc.record({
      type: text,
      id: text,
      encoding: text,
      disposition: text,
      parameters: fc.dictionary(text, text),
    });
    fc.assert(
      fc.property(envelope, structure, fc.uint8Array(), (e, s, headers) => {
        const message = data({ envelope: e, bodyStructure: s, headers: Buffer.from(headers) });
        expect(JSON.stringify(message)).not.toContain('\\u0000');
        expect(message.root.contentType).toMatch(/^\S+\/\S+$/);
      }),
    );
  });
});

describe('BODYSTRUCTURE', () => {
  const leaf = (type: string, patch: object = {}) => ({ type, size: 5, ...patch });
  const root = (bodyStructure: object) => data({ bodyStructure }).root;

  it('of a single part is part 1', () => {
    expect(root(leaf('text/html', { parameters: { charset: 'UTF-8' }, encoding: 'BASE64' }))).toMatchObject({
      partNumber: '1',
      contentType: 'text/html',
      charset: 'utf-8',
      encoding: 'base64',
      sizeBytes: 5,
    });
  });

  it('is numbered like RFC 9051 section 6.4.5.1', () => {
    const tree = root({
      type: 'multipart/mixed',
      childNodes: [
        { type: 'multipart/alternative', childNodes: [leaf('text/plain'), leaf('text/html')] },
        {
          type: 'message/rfc822',
          size: 9,
          childNodes: [{ type: 'multipart/mixed', childNodes: [leaf('text/plain')] }],
        },
        { type: 'message/rfc822', size: 9, childNodes: [leaf('text/plain')] },
      ],
    });
    const numbers = (part: typeof tree): unknown[] => [part.partNumber, ...part.parts.map(numbers)];
    expect(numbers(tree)).toEqual(['', ['1', ['1.1'], ['1.2']], ['2', ['2.TEXT', ['2.1']]], ['3', ['3.1']]]);
  });

  it('says who is an attachment, with a clean name', () => {
    const part = leaf('application/pdf', {
      disposition: 'ATTACHMENT',
      dispositionParameters: { filename: 'a\u202Efdp.exe\r\n' },
      id: '<cid@x>',
    });
    expect(root(part)).toMatchObject({ disposition: 'attachment', filename: 'afdp.exe', contentId: 'cid@x' });
  });

  it('IMAP case 17: is cut where it is too deep or too wide, or lies about sizes', () => {
    let deep: object = leaf('text/plain');
    for (let i = 0; i < 100; i += 1) deep = { type: 'multipart/mixed', childNodes: [deep] };
    expect(data({ bodyStructure: deep }).parseWarnings).toEqual(['parts are nested too deep']);
    const wide = { type: 'multipart/mixed', childNodes: Array.from({ length: 5000 }, () => leaf('text/plain')) };
    const message = data({ bodyStructure: wide });
    expect(message.root.parts.length).toBeLessThanOrEqual(1000);
    expect(message.parseWarnings).toEqual(['more than 1000 parts']);
    expect(root(leaf('text/plain', { size: -5 })).sizeBytes).toBe(0);
    expect(root(leaf('text/plain', { size: 1e300 })).sizeBytes).toBe(0);
  });
});

describe('LIST', () => {
  const listed = (flags: string[], patch: object = {}) =>
    toRemoteMailbox({ path: 'X', delimiter: '/', flags: new Set(flags), subscribed: true, ...patch });

  it('IMAP case 13: tells containers from mailboxes, and what they are for', () => {
    expect(listed([])).toEqual({ path: 'X', delimiter: '/', subscribed: true, selectable: true });
    expect(listed(['\\NOSELECT']).selectable).toBe(false);
    expect(listed(['\\NonExistent']).selectable).toBe(false);
    expect(listed([], { specialUse: '\\Sent' }).specialUse).toBe('SENT');
    expect(listed(['\\Important']).specialUse).toBe('IMPORTANT');
    expect(listed([], { specialUse: '\\Inbox', delimiter: undefined })).toEqual({
      path: 'X',
      specialUse: 'INBOX',
      subscribed: true,
      selectable: true,
    });
  });

  it('gives a status only where it is whole', () => {
    expect(toStatus({ messages: 1, uidNext: 2, uidValidity: 3n, highestModseq: 4n })).toEqual({
      messages: 1,
      uidNext: 2,
      uidValidity: 3n,
      highestModSeq: 4n,
    });
    expect(toStatus({ messages: 1, uidValidity: 3n })).toBeUndefined();
  });

  it('takes labels of Gmail for keywords, but for those that are mailboxes', () => {
    const labels = new Set(['Work', 'Two words', '\\Inbox', '\\Important', '\\Starred', '']);
    expect(toFlags(new Set(['$Forwarded', 'Work']), labels).keywords).toEqual([
      '$Forwarded',
      '$Important',
      'Two words',
      'Work',
    ]);
  });

  it('takes flags of any case', () => {
    expect(toFlags(new Set(['\\SEEN', '\\flagged', '\\*', 'Keyword']))).toEqual({
      seen: true,
      flagged: true,
      answered: false,
      draft: false,
      keywords: ['Keyword'],
    });
  });
});
