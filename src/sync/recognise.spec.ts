import { describe, expect, it } from '@jest/globals';
import { emptyEnvelope } from '../../test/factories/envelope.js';
import fc from 'fast-check';
import type { MailboxId, MessageId } from '../mailbox/model/ids.js';
import { NO_FLAGS, type MessageData } from '../mailbox/model/message.js';
import type { MirroredRef } from '../store/mirror.port.js';
import { lookalikes, Recogniser } from './recognise.js';

const here = 'here' as MailboxId;
const date = new Date('2026-01-01T00:00:00Z');

const seen = (messageId: string | undefined, patch: Partial<MessageData> = {}) => ({
  data: {
    envelope: { ...emptyEnvelope, messageId },
    flags: NO_FLAGS,
    internalDate: date,
    sizeBytes: 10,
    root: { partNumber: '1', contentType: 'text/plain', sizeBytes: 1, parts: [] },
    parseWarnings: [],
    ...patch,
  },
});
const ref = (id: string, patch: Partial<MirroredRef> = {}): MirroredRef => ({
  id: id as MessageId,
  mailboxId: 'there' as MailboxId,
  flags: NO_FLAGS,
  messageId: 'm',
  sizeBytes: 10,
  internalDate: date,
  ...patch,
});
const recogniser = (...refs: MirroredRef[]) => new Recogniser(here, refs);

describe('Recogniser', () => {
  it('knows a message by Message-ID, size and date together', () => {
    expect(recogniser(ref('a')).take(seen('m'))?.id).toBe('a');
    expect(recogniser(ref('a')).take(seen('other'))).toBeUndefined();
    expect(recogniser(ref('a')).take(seen('m', { sizeBytes: 11 }))).toBeUndefined();
    expect(recogniser(ref('a')).take(seen('m', { internalDate: new Date(0) }))).toBeUndefined();
  });

  it('believes the server’s own id before anything else', () => {
    const changed = seen('other', { emailId: 'E1', sizeBytes: 99 });
    expect(recogniser(ref('a', { emailId: 'E1' })).take(changed)?.id).toBe('a');
    expect(recogniser(ref('a', { emailId: 'E2' })).take(seen('m', { emailId: 'E1' }))).toBeUndefined();
    expect(recogniser(ref('a')).take(seen('m', { emailId: 'E1' }))?.id).toBe('a');
  });

  it('prefers what has been waiting in the same mailbox', () => {
    expect(recogniser(ref('a'), ref('b', { mailboxId: here })).take(seen('m'))?.id).toBe('b');
  });

  it('does not choose between copies of different mailboxes', () => {
    expect(recogniser(ref('a'), ref('b', { mailboxId: 'third' as MailboxId })).take(seen('m'))).toBeUndefined();
  });

  it('takes nothing of another mailbox by size and date alone', () => {
    expect(recogniser(ref('a', { messageId: undefined })).take(seen(undefined))).toBeUndefined();
    expect(recogniser(ref('a', { messageId: undefined, mailboxId: here })).take(seen(undefined))?.id).toBe('a');
  });

  it('gives each row once, and as many as there are, in any order', () => {
    const names = fc.array(fc.constantFrom('x', 'y', 'z'), { maxLength: 12 });
    fc.assert(
      fc.property(names, names, (rows, messages) => {
        const waiting = recogniser(...rows.map((messageId, i) => ref(`${i}`, { messageId })));
        const taken = messages.flatMap((messageId) => waiting.take(seen(messageId)) ?? []);
        expect(new Set(taken.map(({ id }) => id)).size).toBe(taken.length);
        for (const name of ['x', 'y', 'z']) {
          const count = (list: readonly (string | undefined)[]) => list.filter((one) => one === name).length;
          expect(count(taken.map((row) => row.messageId))).toBe(Math.min(count(rows), count(messages)));
        }
      }),
    );
  });
});

describe('lookalikes', () => {
  it('are rows that could be told to be one of the messages', () => {
    const rows = [
      ref('same'),
      ref('other size', { sizeBytes: 11 }),
      ref('other id', { emailId: 'E2' }),
      ref('by id', { emailId: 'E1', sizeBytes: 99 }),
    ];
    const found = lookalikes(rows, [seen('m', { emailId: 'E1' })]).map(({ id }) => id);
    expect(found).toEqual(['same', 'by id']);
  });
});
