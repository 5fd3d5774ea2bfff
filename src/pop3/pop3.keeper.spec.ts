import { describe, expect, it } from '@jest/globals';
import { emptyEnvelope } from '../../test/factories/envelope.js';
import type { MirrorStore } from '../store/mirror.port.js';
import type { AccountId, ContentId, MailboxId, MessageId, ThreadId } from '../mailbox/model/ids.js';
import type { Mailbox } from '../mailbox/model/mailbox.js';
import { NO_FLAGS, type Message } from '../mailbox/model/message.js';
import type { Downloader } from './downloader/downloader.js';
import { Pop3Keeper } from './pop3.keeper.js';

const accountId = 'acc' as AccountId;
const mailbox = { id: 'mbx' as MailboxId, accountId } as Mailbox;

const named = (id: string, sizeBytes: number): Message => ({
  id: id as MessageId,
  accountId,
  mailboxId: mailbox.id,
  threadId: 'thr' as ThreadId,
  contentId: id as ContentId,
  envelope: emptyEnvelope,
  flags: NO_FLAGS,
  internalDate: new Date(0),
  sizeBytes,
  hasAttachments: false,
  parseWarnings: [],
});

describe('all octets of many stored messages', () => {
  it('come in order, but for those that were purged meanwhile', async () => {
    const stored = new Map([
      ['pieces', ['ab', 'cd', 'e']],
      ['one', ['f']],
    ]);
    const mirror: Partial<MirrorStore> = {
      async *readContent(_accountId, contentId) {
        for (const piece of stored.get(contentId) ?? []) yield Buffer.from(piece);
      },
    };
    const keeper = new Pop3Keeper({} as Downloader, mirror as MirrorStore);
    const messages = [named('pieces', 5), named('purged', 9), named('empty', 0), named('one', 1)];
    const read: [string, string][] = [];
    for await (const { message, octets } of keeper.openMany(mailbox, messages)) {
      let text = '';
      for await (const piece of octets) text += piece.toString();
      read.push([message.id, text]);
    }
    expect(read).toEqual([
      ['pieces', 'abcde'],
      ['empty', ''],
      ['one', 'f'],
    ]);
  });
});
