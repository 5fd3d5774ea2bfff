import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ImapFlow } from 'imapflow';
import { ImapServer } from './imap-server.js';
import type { SampleMessage } from './mail/compose.js';
import { imapMailboxes } from './mail/mailboxes.js';
import { newsItem } from './mail/news.js';

describe('the IMAP server of the demo', () => {
  let server: ImapServer;
  let client: ImapFlow;
  let inbox: readonly SampleMessage[];

  beforeEach(async () => {
    const mailboxes = await imapMailboxes();
    inbox = mailboxes.INBOX ?? [];
    server = new ImapServer({ user: 'iris@demo.example', password: 'demo', mailboxes });
    client = new ImapFlow({
      host: '127.0.0.1',
      port: await server.listen(),
      secure: false,
      doSTARTTLS: false,
      auth: { user: 'iris@demo.example', pass: 'demo' },
      logger: false,
    });
    client.on('error', () => undefined);
    await client.connect();
  });

  afterEach(async () => {
    client.close();
    await server.close();
  });

  it('lists its mailboxes with their use', async () => {
    const list = await client.list();
    expect(list.map((mailbox) => [mailbox.path, mailbox.specialUse])).toEqual(
      expect.arrayContaining([
        ['INBOX', '\\Inbox'],
        ['Sent', '\\Sent'],
        ['Drafts', '\\Drafts'],
        ['Archive', '\\Archive'],
        ['Archive/Baking', undefined],
        ['Junk', '\\Junk'],
        ['Trash', '\\Trash'],
      ]),
    );
  });

  it('gives envelope, structure and the exact octets of every sample', async () => {
    await client.mailboxOpen('INBOX');
    const messages = await client.fetchAll('1:*', { uid: true, envelope: true, bodyStructure: true, source: true });
    expect(messages.map((message) => message.source?.toString('latin1'))).toEqual(
      inbox.map((sample) => sample.octets.toString('latin1')),
    );
    expect(messages.filter((message) => !message.bodyStructure?.type)).toEqual([]);
    expect(messages.map((message) => message.envelope?.subject)).toEqual(
      expect.arrayContaining(['Zażółć gęślą jaźń', '会議のお知らせ', 'Honey by month', 'Äpfel, Birnen und 🍐']),
    );
  });

  it('announces new mail to a client in IDLE', async () => {
    const before = (await client.mailboxOpen('INBOX')).exists;
    const exists = once(client, 'exists');
    const idling = client.idle();
    server.deliver(await newsItem(1));
    expect((await exists)[0]).toMatchObject({ count: before + 1 });
    await client.noop();
    await idling;
  });

  it('takes flags, a move, an append and a deletion', async () => {
    await client.mailboxOpen('INBOX');
    await client.messageFlagsAdd('1', ['\\Flagged', 'blue'], { uid: true });
    expect(await client.search({ keyword: 'blue' }, { uid: true })).toEqual([1]);
    const moved = await client.messageMove('1', 'Archive', { uid: true });
    expect(moved).toMatchObject({ destination: 'Archive', uidMap: new Map([[1, 5]]) });
    const appended = await client.append('Drafts', 'Subject: mine\r\n\r\nx\r\n', ['\\Draft']);
    expect(appended).toMatchObject({ uid: 2 });
    await client.mailboxOpen('Archive');
    expect(await client.messageDelete('5', { uid: true })).toBe(true);
    expect(await client.status('Archive', { messages: true })).toMatchObject({ messages: 4 });
  });

  it('tells what changed since a MODSEQ', async () => {
    const { highestModseq } = await client.mailboxOpen('INBOX');
    expect(typeof highestModseq).toBe('bigint');
    await client.messageFlagsAdd('2', ['\\Answered'], { uid: true });
    const changed = await client.fetchAll('1:*', { uid: true, flags: true }, { changedSince: highestModseq });
    expect(changed.map((message) => message.uid)).toEqual([2]);
  });
});
