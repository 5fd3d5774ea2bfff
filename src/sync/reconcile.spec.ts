import { describe, expect, it } from '@jest/globals';
import { emptyEnvelope } from '../../test/factories/envelope.js';
import fc from 'fast-check';
import type { SyncBatch } from '../mailbox/keeper.port.js';
import { modSeq, uid, uidValidity, type MailboxId, type MessageId } from '../mailbox/model/ids.js';
import { NO_FLAGS, type Flags, type MessageData } from '../mailbox/model/message.js';
import type { MirroredRef } from '../store/mirror.port.js';
import { reconcile } from './reconcile.js';

const mailboxId = 'here' as MailboxId;
const date = new Date('2026-01-01T00:00:00Z');
const data = (messageId: string, flags: Flags = NO_FLAGS): MessageData => ({
  envelope: { ...emptyEnvelope, messageId },
  flags,
  internalDate: date,
  sizeBytes: 10,
  root: { partNumber: '1', contentType: 'text/plain', sizeBytes: 1, parts: [] },
  parseWarnings: [],
});
const ref = (id: string, n?: number, patch: Partial<MirroredRef> = {}): MirroredRef => ({
  id: id as MessageId,
  mailboxId,
  remote: n === undefined ? undefined : { uidValidity: uidValidity(1), uid: uid(n) },
  flags: NO_FLAGS,
  messageId: id,
  sizeBytes: 10,
  internalDate: date,
  ...patch,
});
const checkpoint = { uidValidity: uidValidity(1), lowestUid: 10, nextUid: 20 };
const batch = (patch: Partial<SyncBatch>): SyncBatch => ({
  reset: false,
  messages: [],
  flags: [],
  vanished: [],
  checkpoint,
  messagesTotal: 0,
  ...patch,
});
const seen: Flags = { ...NO_FLAGS, seen: true };

describe('reconcile', () => {
  it('calls history what lies below the lowest UID read, and news everything else', () => {
    const messages = [5, 15, 25].map((n) => ({ uid: uid(n), data: data(`${n}`) }));
    const plan = reconcile(batch({ messages }), { mailboxId, known: [], unplaced: [], checkpoint });
    expect(plan.insert.map(({ initial }) => initial)).toEqual([true, false, false]);
  });

  it.each([
    ['without a checkpoint', undefined, false],
    ['after a reset', checkpoint, true],
  ])('calls everything history %s', (_, before, reset) => {
    const messages = [{ uid: uid(99), data: data('m') }];
    const plan = reconcile(batch({ messages, reset }), { mailboxId, known: [], unplaced: [], checkpoint: before });
    expect(plan.insert.map(({ initial }) => initial)).toEqual([true]);
  });

  it('changes only flags that differ, from messages and from flags alike', () => {
    const known = [ref('a', 1), ref('b', 2), ref('c', 3, { flags: seen })];
    const flags = [
      { uid: uid(1), flags: NO_FLAGS },
      { uid: uid(2), flags: seen },
    ];
    const messages = [{ uid: uid(3), data: data('c') }];
    const plan = reconcile(batch({ flags, messages }), { mailboxId, known, unplaced: [], checkpoint });
    expect(plan.updateFlags.map(({ id, flags: now }) => [id, now.seen])).toEqual([
      ['c', false],
      ['b', true],
    ]);
    expect(plan.insert).toEqual([]);
  });

  it('does not undo what a command has confirmed since the fetch was sent', () => {
    const known = [ref('a', 1, { flags: seen, modSeq: modSeq(9) })];
    const flags = [{ uid: uid(1), flags: NO_FLAGS, modSeq: modSeq(8) }];
    expect(reconcile(batch({ flags }), { mailboxId, known, unplaced: [], checkpoint }).updateFlags).toEqual([]);
  });

  it('gives a waiting row its UID instead of inserting, each row once', () => {
    const messages = [1, 2].map((n) => ({ uid: uid(n), data: data('same') }));
    const plan = reconcile(batch({ messages }), { mailboxId, known: [], unplaced: [ref('same')], checkpoint });
    expect(plan.place).toEqual([{ id: 'same', remote: { uidValidity: 1n, uid: 1 } }]);
    expect(plan.insert).toHaveLength(1);
  });

  it('does not take another message of the same size for a waiting one', () => {
    const messages = [{ uid: uid(1), data: data('other') }];
    const plan = reconcile(batch({ messages }), { mailboxId, known: [], unplaced: [ref('mine')], checkpoint });
    expect(plan.place).toEqual([]);
  });

  it('leaves the mirror as the server says, whatever both held before', () => {
    const uids = fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { maxLength: 20 });
    fc.assert(
      fc.property(uids, uids, fc.array(fc.boolean(), { minLength: 31, maxLength: 31 }), (ours, theirs, isSeen) => {
        const known = ours.map((n) => ref(`${n}`, n));
        const flags = (n: number): Flags => ({ ...NO_FLAGS, seen: isSeen[n]! });
        const plan = reconcile(
          batch({
            messages: theirs.map((n) => ({ uid: uid(n), data: data(`${n}`, flags(n)) })),
            vanished: ours.filter((n) => !theirs.includes(n)).map(uid),
          }),
          { mailboxId, known, unplaced: [], checkpoint },
        );
        const mirror = new Map(known.map((row) => [row.remote!.uid, row.flags.seen]));
        for (const id of plan.depart) mirror.delete(uid(Number(id)));
        for (const row of plan.updateFlags) mirror.set(uid(Number(row.id)), row.flags.seen);
        for (const row of plan.insert) mirror.set(row.remote!.uid, row.data.flags.seen);
        expect(mirror).toEqual(new Map(theirs.map((n) => [uid(n), isSeen[n]])));
      }),
    );
  });
});
