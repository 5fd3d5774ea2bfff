import { beforeEach, describe, expect, it } from '@jest/globals';
import type { PartRequest, ServerKeeper } from '../mailbox/keeper.port.js';
import { MailError } from '../mailbox/mailbox.errors.js';
import type { AccountId, MailboxId, MessageId } from '../mailbox/model/ids.js';
import type { Mailbox } from '../mailbox/model/mailbox.js';
import type { Message } from '../mailbox/model/message.js';
import type { MirrorStore } from '../store/mirror.port.js';
import { PreviewFiller } from './preview-filler.js';

const accountId = 'acc' as AccountId;
const never = new AbortController().signal;
const message = (id: string, mailboxId: string): Message =>
  ({
    id: id as MessageId,
    accountId,
    mailboxId: mailboxId as MailboxId,
    root: { partNumber: '1', contentType: 'text/plain', sizeBytes: 5, parts: [] },
  }) as unknown as Message;

describe('PreviewFiller', () => {
  let unknown: Message[];
  let saved: Map<string, string>;
  /** Of each question the messages it named. */
  let asked: string[][];
  let poison: ReadonlySet<string>;
  let mute: ReadonlySet<string>;
  let told: ReadonlyMap<MessageId, string>;
  let filler: PreviewFiller;

  beforeEach(() => {
    saved = new Map();
    asked = [];
    poison = new Set();
    mute = new Set();
    told = new Map();
    const mirror = {
      findWithoutPreview: async () => unknown.filter(({ id }) => !saved.has(id)),
      findMailboxes: async ([id]: MailboxId[]) => [{ id, path: id } as unknown as Mailbox],
      savePreviews: async (rows: { id: string; preview: string }[]) =>
        rows.forEach(({ id, preview }) => saved.set(id, preview)),
    };
    const keeper = {
      storage: 'SERVER',
      fetchPreviews: async () => told,
      fetchParts: async (_: Mailbox, requests: PartRequest[]) => {
        asked.push(requests.map((request) => request.message.id));
        if (requests.some((request) => poison.has(request.message.id))) throw new MailError('CONNECTION_FAILED', 'cut');
        return requests
          .filter((request) => !mute.has(request.message.id))
          .map(({ message: { id }, partNumber }) => ({
            messageId: id,
            partNumber,
            octets: Buffer.from(`text of ${id}`),
            truncated: false,
          }));
      },
    };
    filler = new PreviewFiller({
      accountId,
      keeper: keeper as unknown as ServerKeeper,
      mirror: mirror as unknown as MirrorStore,
    });
  });

  const fillAll = async (): Promise<void> => {
    while (await filler.fill(never));
  };

  it('reads all of them, some of one mailbox at a time and never one by one', async () => {
    unknown = Array.from({ length: 60 }, (_, i) => message(`m${i}`, i % 2 ? 'odd' : 'even'));
    await fillAll();
    expect(saved.size).toBe(60);
    expect(saved.get('m7')).toBe('text of m7');
    expect(asked.map((ids) => ids.length)).toEqual([20, 20, 10, 10]);
  });

  it('takes what the server makes by itself, and cleans it', async () => {
    unknown = [message('a', 'x'), message('b', 'x')];
    told = new Map([['a' as MessageId, 'two\r\nlines\u202e']]);
    await fillAll();
    expect(Object.fromEntries(saved)).toEqual({ a: 'two lines', b: 'text of b' });
    expect(asked).toEqual([['b']]);
  });

  it('does not ask for ever for what the server does not give', async () => {
    unknown = [message('a', 'x'), message('b', 'x')];
    mute = new Set(['a']);
    await fillAll();
    await fillAll();
    expect(asked).toEqual([['a', 'b']]);
  });

  it('finds the message over which the server hangs up and goes on behind it', async () => {
    unknown = Array.from({ length: 5 }, (_, i) => message(`m${i}`, 'x'));
    poison = new Set(['m1']);
    for (let i = 0; i < 4; i += 1) await fillAll();
    expect([...saved.keys()]).toEqual(['m0', 'm2', 'm3', 'm4']);
    expect(asked.filter((ids) => ids.includes('m1')).length).toBeLessThanOrEqual(3);
  });
});
