import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { message, messageWithAttachment } from '../factories/messages.js';
import { FakeMaildrop, type FakeMail, type FakeMaildropOptions } from '../servers/fake-maildrop.js';
import { addAccount, synchronised, type UserError } from './accounts.js';
import { until, type GatewayClient } from './gateway-client.js';
import { TestGateway } from './test-gateway.js';

let gateway: TestGateway;
let client: GatewayClient;
let server: FakeMaildrop | undefined;
let accountId: string | undefined;

beforeAll(async () => {
  // The operator's own server, which may be asked every second.
  gateway = await TestGateway.start([], { MAIL_HOST_ALLOW: 'localhost,127.0.0.0/8' });
  client = gateway.client();
}, 120_000);
afterAll(() => gateway.stop(), 60_000);
afterEach(async () => {
  if (accountId) {
    const input = { accountId, deleteStoredMail: true };
    await client.query('mutation ($input: RemoveAccountInput!) { removeAccount(input: $input) { errors { code } } }', {
      input,
    });
  }
  accountId = undefined;
  await server?.close();
  server = undefined;
});

const mail = (subject: string, uidl: string | undefined = subject): FakeMail => ({
  uidl,
  octets: message({ subject }),
});
const withoutUidl = (): FakeMail[] => [{ octets: message({ subject: 'nameless' }) }];

const pop3 = (patch: Record<string, unknown> = {}) => ({
  pop3: {
    host: 'localhost',
    port: server?.port,
    security: 'NONE',
    username: 'ann',
    credentials: { password: 'secret' },
    ...patch,
  },
});
async function add(
  mails: readonly FakeMail[],
  patch: Record<string, unknown> = {},
  options: FakeMaildropOptions = {},
): Promise<string> {
  server = await FakeMaildrop.start(mails, options);
  accountId = await addAccount(client, pop3(patch));
  await synchronised(client, accountId);
  return accountId;
}
const update = async (settings: Record<string, unknown>): Promise<readonly UserError[]> => {
  const text = `mutation ($input: UpdateAccountInput!) { updateAccount(input: $input) { errors { code message field retryable } } }`;
  const input = { accountId, pop3: settings };
  return (await client.query<{ updateAccount: { errors: UserError[] } }>(text, { input })).updateAccount.errors;
};

const POLL = `skipped skippedMessages { number uidl sizeBytes reason }`;

describe('what a POP3 server cannot do', () => {
  it('is said before the account is added, when it is changed, and afterwards', async () => {
    server = await FakeMaildrop.start(withoutUidl(), { capabilities: [] });
    const days = { afterDownload: 'DELETE_AFTER_DAYS', deleteAfterDays: 7 };
    const refused = { code: 'INVALID_INPUT', field: ['input', 'pop3', 'afterDownload'] };
    const { verifyAccount, addAccount: added } = await client.query<Record<string, unknown>>(
      `mutation ($input: AddAccountInput!, $days: AddAccountInput!) {
        verifyAccount(input: $input) { ok possiblePolicies errors { code } }
        addAccount(input: $days) { account { id } errors { code field } } }`,
      { input: pop3(), days: pop3(days) },
    );
    expect(verifyAccount).toEqual({ ok: true, possiblePolicies: ['DELETE', 'KEEP'], errors: [] });
    expect(added).toEqual({ account: null, errors: [refused] });

    accountId = await addAccount(client, pop3());
    await synchronised(client, accountId);
    expect(await update(days)).toMatchObject([refused]);
    const { account } = await client.query<Record<string, unknown>>(
      `query ($id: ID!) { account(id: $id) { pop3 { afterDownload possiblePolicies warnings { code message } } } }`,
      { id: accountId },
    );
    expect(account).toEqual({
      pop3: {
        afterDownload: 'KEEP',
        possiblePolicies: ['DELETE', 'KEEP'],
        warnings: [{ code: 'NO_UIDL', message: expect.stringContaining('afterDownload') }],
      },
    });
  });

  it('names what it leaves on the server, and fetches it once the limit is raised', async () => {
    const large = { uidl: 'large', octets: messageWithAttachment(50_000, { subject: 'large' }) };
    const id = await add([mail('small'), large], { maxMessageBytes: 10_000 });
    const sync = `mutation ($id: ID!) { syncAccount(accountId: $id) { pop3 { ${POLL} } errors { code } } }`;
    const skippedMessages = [{ number: 2, uidl: 'large', sizeBytes: large.octets.length, reason: 'TOO_LARGE' }];
    expect(await client.query(sync, { id })).toEqual({
      syncAccount: { pop3: { skipped: 1, skippedMessages }, errors: [] },
    });
    expect(await update({ maxMessageBytes: 1_000_000 })).toEqual([]);
    const query = `query ($id: ID!) { account(id: $id) { pop3 { lastPoll { ${POLL} } } messages(first: 5) { totalCount } } }`;
    interface Seen {
      account: { pop3: { lastPoll: { skipped: number } }; messages: { totalCount: number } };
    }
    const seen = await until(
      () => client.query<Seen>(query, { id }),
      ({ account }) => account.messages.totalCount === 2 && account.pop3.lastPoll.skipped === 0,
      20_000,
    );
    expect(seen).toMatchObject({ account: { pop3: { lastPoll: { skippedMessages: [] } } } });
  });
});

describe('what a POP3 server answers to a sign-in', () => {
  const minute = 60;
  /** Its words, the account's state, the error that is told, and seconds to the next attempt, or a tenth more. */
  const answers: [words: string, state: string, code: string, seconds: number][] = [
    ['-ERR [IN-USE] locked', 'ONLINE', 'MAILDROP_LOCKED', minute],
    ['-ERR [LOGIN-DELAY] later', 'ONLINE', 'RATE_LIMITED', 1.1 * minute],
    ['-ERR [SYS/TEMP] later', 'OFFLINE', 'SERVER_REJECTED', minute],
    ['-ERR [SYS/PERM] broken', 'OFFLINE', 'SERVER_REJECTED', 60 * minute],
    ['-ERR no', 'OFFLINE', 'SERVER_REJECTED', 15 * minute],
    ['-ERR [AUTH] no', 'AUTHENTICATION_FAILED', 'AUTHENTICATION_FAILED', 60 * minute],
  ];
  interface Refused {
    readonly status: { state: string; lastError: { code: string } | null };
    readonly waitSeconds: number;
    readonly passwordsSent: number;
  }
  const refused = new Map<string, Promise<Refused>>();

  /** An account that is well, until its server begins to refuse it. */
  async function refuse(words: string, username: string): Promise<Refused> {
    let passwordsSent = 0;
    let isWell = true;
    const busy = await FakeMaildrop.start([mail('a')], {
      answer: (line) => {
        if (isWell || !line.startsWith('PASS')) return undefined;
        passwordsSent += 1;
        return `${words}\r\n`;
      },
    });
    try {
      const id = await addAccount(client, pop3({ port: busy.port, username, pollIntervalSeconds: 1 }));
      await synchronised(client, id);
      isWell = false;
      const status = await until(
        async () => (await client.query<Seen>(STATUS, { id })).account.status,
        ({ lastError }) => lastError !== null,
        20_000,
      );
      const waitSeconds = (Date.parse(status.nextAttemptAt ?? '') - Date.now()) / 1000;
      // Longer than the poll interval.
      await new Promise((resolve) => setTimeout(resolve, 1500));
      return { status, waitSeconds, passwordsSent };
    } finally {
      await busy.close();
    }
  }
  const STATUS = 'query ($id: ID!) { account(id: $id) { status { state nextAttemptAt lastError { code } } } }';
  interface Seen {
    account: { status: { state: string; nextAttemptAt: string | null; lastError: { code: string } | null } };
  }

  beforeAll(async () => {
    // All at once: most of it is waiting.
    for (const [i, [words]] of answers.entries()) refused.set(words, refuse(words, `ann${i}`));
    await Promise.allSettled(refused.values());
  }, 60_000);

  it.each(answers)('case 19: %s: the account is %s, and nothing is tried in a loop', async (...row) => {
    const [words, state, code, seconds] = row;
    const { status, waitSeconds, passwordsSent } = await refused.get(words)!;
    expect(status).toMatchObject({ state, lastError: { code } });
    expect(waitSeconds).toBeGreaterThan(seconds - 5);
    expect(waitSeconds).toBeLessThan(seconds * 1.1 + 1);
    expect(passwordsSent).toBe(1);
  });
});
