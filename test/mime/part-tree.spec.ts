import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ImapFlow, type FetchMessageObject, type FetchQueryObject, type MessageStructureObject } from 'imapflow';
import { startDovecot, type Dovecot } from '../servers/dovecot.js';
import type { Address, Part } from '../../src/mailbox/model/message.js';
import { parseStructure } from '../../src/mime/parse-structure.js';
import { partStream } from '../../src/mime/part-stream.js';
import { scanHeader } from '../../src/mime/scan-header.js';

const DIRECTORY = new URL('../fixtures/messages/', import.meta.url);
const USER = 'ann@example.org';

/** Where we depart: Dovecot reads a message that is base64 as if it were not. */
const DEPARTURES = ['encoded-message.eml'];
const NAMES = readdirSync(DIRECTORY)
  .filter((file) => file.endsWith('.eml') && !DEPARTURES.includes(file))
  .sort();

/** Type, octets, encoding and charset of every node in order; IMAP gives neither size nor encoding for a multipart. */
const outline = (part: Part): string[] => [
  part.contentType.startsWith('multipart/')
    ? part.contentType
    : `${part.contentType} ${part.sizeBytes} ${part.encoding} ${part.disposition} ${part.filename}`,
  ...part.parts.flatMap(outline),
];
const serverOutline = (node: MessageStructureObject): string[] => [
  node.type.startsWith('multipart/')
    ? node.type
    : `${node.type} ${node.size} ${node.encoding} ${node.disposition} ${
        node.dispositionParameters?.filename ?? node.parameters?.name
      }`,
  ...(node.childNodes ?? []).flatMap(serverOutline),
];

const leavesOf = (part: Part): Part[] => (part.parts.length === 0 ? [part] : part.parts.flatMap(leavesOf));

describe('the part tree, compared with Dovecot', () => {
  let dovecot: Dovecot;
  let client: ImapFlow;
  const messages = new Map<string, Buffer>();

  beforeAll(async () => {
    dovecot = await startDovecot({ users: { [USER]: 'pw' } });
    for (const name of NAMES) {
      const octets = await readFile(new URL(name, DIRECTORY));
      messages.set(name, octets);
      await dovecot.deliver(USER, octets);
    }
    client = new ImapFlow({
      host: '127.0.0.1',
      port: dovecot.imap.port,
      secure: false,
      doSTARTTLS: false,
      auth: { user: USER, pass: 'pw' },
      logger: false,
    });
    client.on('error', () => undefined);
    await client.connect();
    await client.mailboxOpen('INBOX');
  }, 20_000);

  afterAll(async () => {
    await client.logout();
    await dovecot.stop();
  });

  async function fetched(name: string, query: FetchQueryObject): Promise<FetchMessageObject> {
    const message = await client.fetchOne(String([...messages.keys()].indexOf(name) + 1), query);
    if (!message) throw new Error(`no message ${name}`);
    return message;
  }

  it.each(NAMES)('has the same parts, types and sizes: %s', async (name) => {
    const { root } = await parseStructure([messages.get(name) ?? Buffer.alloc(0)]);
    const { bodyStructure } = await fetched(name, { bodyStructure: true });
    expect(outline(root)).toEqual(bodyStructure ? serverOutline(bodyStructure) : []);
  });

  it.each(NAMES)('has the same octets under every part number: %s', async (name) => {
    const octets = messages.get(name) ?? Buffer.alloc(0);
    const parts = leavesOf((await parseStructure([octets])).root).map((part) => part.partNumber);
    const { bodyParts } = await fetched(name, { bodyParts: parts });
    for (const part of parts) {
      const ours: Buffer[] = [];
      for await (const chunk of partStream([octets], part)) ours.push(chunk);
      expect([part, Buffer.concat(ours).toString()]).toEqual([part, bodyParts?.get(part)?.toString()]);
    }
  });

  it.each(NAMES)('has the same envelope: %s', async (name) => {
    const { envelope } = await fetched(name, { envelope: true });
    const ours = scanHeader(messages.get(name) ?? Buffer.alloc(0), new Date()).envelope;
    const addresses = (list: readonly Address[]): object[] =>
      list.map(({ name: label = '', address = '' }) => ({ name: label, address }));
    expect(ours.subject).toBe(envelope?.subject);
    expect(ours.sentAt).toEqual(envelope?.date);
    expect(ours.messageId ?? '').toBe(envelope?.messageId?.replace(/[<>]/g, '') ?? '');
    for (const field of ['from', 'sender', 'replyTo', 'cc', 'to'] as const) {
      expect([field, addresses(ours[field])]).toEqual([field, envelope?.[field] ?? []]);
    }
  });
});
