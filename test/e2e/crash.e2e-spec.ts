import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { message } from '../factories/messages.js';
import { startDovecot, type Dovecot } from '../servers/dovecot.js';
import { addAccount, imapInput, pop3Input, synchronised } from './accounts.js';
import type { GatewayClient } from './gateway-client.js';
import { GatewayProcess } from './gateway-process.js';

const imapMessages = 2_000;
const pop3Messages = 500;
const kills = 20;

let dovecot: Dovecot;

beforeAll(async () => {
  dovecot = await startDovecot({ users: { ann: 'secret-a', pop: 'secret-p' } });
  for (let i = 0; i < imapMessages; i += 1) await dovecot.deliver('ann', numbered(i));
  for (let i = 0; i < pop3Messages; i += 1) await dovecot.deliver('pop', numbered(i));
}, 120_000);

afterAll(() => dovecot.stop());

const numbered = (i: number): Buffer => message({ subject: `number ${i}`, messageId: `${i}@crash.example` });

/** Every Message-ID the API lists, page by page, as often as it lists it. */
async function listed(client: GatewayClient, accountId: string): Promise<string[]> {
  const ids: string[] = [];
  for (let after: string | null = null; ;) {
    const { messages }: Page = await client.query<Page>(
      `query ($after: String, $id: ID!) { messages(first: 200, after: $after, filter: { accountIds: [$id] }) {
        nodes { messageId } pageInfo { hasNextPage endCursor } } }`,
      { after, id: accountId },
    );
    ids.push(...messages.nodes.map((node) => node.messageId));
    if (!messages.pageInfo.hasNextPage) return ids;
    after = messages.pageInfo.endCursor;
  }
}
interface Page {
  messages: { nodes: { messageId: string }[]; pageInfo: { hasNextPage: boolean; endCursor: string } };
}

const expected = (count: number): string[] => Array.from({ length: count }, (_, i) => `${i}@crash.example`).sort();

describe.each([
  ['a first synchronisation of 2,000 messages', 'ann', 'imap', imapMessages],
  ['a POP3 download of 500 messages', 'pop', 'pop3', pop3Messages],
] as const)('kill -9 in the middle of %s', (_, user, protocol, count) => {
  it(`loses and doubles nothing, ${kills} times at random moments`, async () => {
    const gateway = await GatewayProcess.prepare(dovecot);
    try {
      await gateway.start();
      const input = protocol === 'imap' ? { imap: imapInput(dovecot, user) } : { pop3: pop3Input(dovecot, user) };
      const id = await addAccount(gateway.client, input);
      for (let i = 0; i < kills; i += 1) {
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 250));
        await gateway.kill();
        await gateway.start();
      }
      await synchronised(gateway.client, id);
      expect((await listed(gateway.client, id)).sort()).toEqual(expected(count));
      expect(await dovecot.listMessages(user)).toHaveLength(count);
    } finally {
      await gateway.stop();
    }
  }, 300_000);
});
