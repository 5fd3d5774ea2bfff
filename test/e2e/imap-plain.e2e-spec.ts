import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startDovecot, type Dovecot } from '../servers/dovecot.js';
import { addAccount, imapInput, synchronised } from './accounts.js';
import { until, type GatewayClient } from './gateway-client.js';
import { TestGateway } from './test-gateway.js';

interface Node {
  id: string;
  subject: string;
  preview: string;
}
interface Listed {
  messages: { nodes: Node[]; incomplete: { error: { code: string; retryable: boolean } }[] };
}
interface Mailboxes {
  account: { mailboxes: { id: string; path: string; selectable: boolean; specialUse: string | null }[] };
}

const message = (subject: string): string =>
  `From: Ann <ann@example.org>\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@example.org>\r\n\r\nThis is ${subject}\r\n`;

describe('an IMAP account on a server with none of the extensions', () => {
  let dovecot: Dovecot;
  let gateway: TestGateway;
  let client: GatewayClient;
  let account: string;

  beforeAll(async () => {
    const withoutCapabilities = ['IDLE', 'NOTIFY', 'UIDPLUS', 'MOVE', 'CONDSTORE', 'QRESYNC', 'LIST-STATUS'];
    dovecot = await startDovecot({
      users: { ann: 'secret' },
      withoutCapabilities: [...withoutCapabilities, 'LIST-EXTENDED', 'SPECIAL-USE', 'ESEARCH', 'PREVIEW', 'ENABLE'],
    });
    for (const subject of ['one', 'two', 'three']) await dovecot.deliver('ann', message(subject));
    await dovecot.doveadm('mailbox', 'create', '-u', 'ann', 'Projects/2026/Garden');
    gateway = await TestGateway.start([dovecot]);
    client = gateway.client();
    account = await addAccount(client, { name: 'plain', imap: imapInput(dovecot, 'ann') });
    await synchronised(client, account);
  }, 120_000);
  afterAll(async () => {
    await gateway.stop();
    await dovecot.stop();
  }, 60_000);

  const mailboxes = async (): Promise<Mailboxes['account']['mailboxes']> =>
    (
      await client.query<Mailboxes>(
        'query ($id: ID!) { account(id: $id) { mailboxes { id path selectable specialUse } } }',
        { id: account },
      )
    ).account.mailboxes;
  const idOf = async (path: string): Promise<string> => (await mailboxes()).find((one) => one.path === path)!.id;
  const list = async (path: string): Promise<Listed['messages']> =>
    (
      await client.query<Listed>(
        `query ($filter: MessageFilter) { messages(filter: $filter) {
          nodes { id subject preview } incomplete { error { code retryable } } } }`,
        { filter: { mailboxIds: [await idOf(path)] } },
      )
    ).messages;
  const find = async (path: string, subject: string): Promise<Node> =>
    (await list(path)).nodes.find((node) => node.subject === subject)!;

  it('IMAP case 13: has its mailboxes by their well-known names, and containers that hold no messages', async () => {
    const found = new Map((await mailboxes()).map((one) => [one.path, one]));
    expect(found.get('Trash')).toMatchObject({ specialUse: 'TRASH', selectable: true });
    expect(found.get('Projects')).toMatchObject({ selectable: false });
    expect(found.get('Projects/2026/Garden')).toMatchObject({ selectable: true });
  });

  it('shows how its messages begin', async () => {
    expect((await list('INBOX')).nodes.map(({ preview }) => preview).sort()).toEqual([
      'This is one',
      'This is three',
      'This is two',
    ]);
  });

  it('names the copies that it has made', async () => {
    const { id } = await find('INBOX', 'one');
    const copy = async () =>
      (
        await client.query<{ copyMessages: { messages: Node[]; failures: unknown[] } }>(
          'mutation ($ids: [ID!]!, $to: ID!) { copyMessages(input: { ids: $ids, mailboxId: $to }) { messages { id subject } failures { id } } }',
          { ids: [id], to: await idOf('Archive') },
        )
      ).copyMessages;
    const first = await copy();
    expect(first).toMatchObject({ messages: [{ subject: 'one' }], failures: [] });
    expect(first.messages[0]!.id).not.toBe(id);
    const second = await copy();
    expect(second).toMatchObject({ messages: [{ subject: 'one' }], failures: [] });
    expect([id, first.messages[0]!.id]).not.toContain(second.messages[0]!.id);
  });

  it('keeps ids over moves, though the server says nothing of them', async () => {
    const { id } = await find('INBOX', 'two');
    await client.query(
      'mutation ($ids: [ID!]!, $to: ID!) { moveMessages(input: { ids: $ids, mailboxId: $to }) { failures { id } } }',
      { ids: [id], to: await idOf('Projects/2026/Garden') },
    );
    expect((await find('Projects/2026/Garden', 'two')).id).toBe(id);
  });

  it('is compared with its server when somebody looks at what was not compared for a while', async () => {
    await list('Junk');
    await dovecot.deliver('ann', message('late'), { mailbox: 'Junk' });
    const told = new Set<string>();
    const seen = await until(
      async () => {
        const { nodes, incomplete } = await list('Junk');
        for (const { error } of incomplete) told.add(error.code);
        return nodes.map(({ subject }) => subject);
      },
      (subjects) => subjects.includes('late'),
      20_000,
    );
    expect(seen).toEqual(['late']);
    expect([...told]).toEqual(['TIMEOUT']);
  }, 30_000);
});
