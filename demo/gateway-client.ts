interface GraphqlAnswer<Data> {
  readonly data?: Data;
  readonly errors?: readonly { readonly message: string }[];
}

export interface DemoAccount {
  readonly id: string;
  readonly name: string;
}

interface AccountPayload {
  readonly account: { readonly id: string } | null;
  readonly errors: readonly { readonly message: string }[];
}

export interface AccountServer {
  readonly protocol: 'imap' | 'pop3';
  readonly name: string;
  readonly emailAddress: string;
  readonly password: string;
  readonly port: number;
}

const CALL_MS = 60_000;

/** The few calls of the public API that the demo needs, made as any client would make them. */
export class GatewayClient {
  constructor(
    private readonly url: string,
    private readonly key: string,
  ) {}

  async accounts(): Promise<DemoAccount[]> {
    const query = 'query Accounts { accounts(first: 100) { nodes { id name } } }';
    const data = await this.call<{ accounts: { nodes: DemoAccount[] } }>(query, {});
    return data.accounts.nodes;
  }

  async removeAccount(accountId: string): Promise<void> {
    const query =
      'mutation Remove($input: RemoveAccountInput!) { removeAccount(input: $input) { errors { code message } } }';
    const input = { accountId, deleteStoredMail: true };
    const data = await this.call<{ removeAccount: { errors: { message: string }[] } }>(query, { input });
    refuse(data.removeAccount.errors);
  }

  /** @returns its id */
  async addAccount({ protocol, name, emailAddress, password, port }: AccountServer): Promise<string> {
    const query =
      'mutation Add($input: AddAccountInput!) { addAccount(input: $input) { account { id } errors { code message } } }';
    const server = { host: '127.0.0.1', port, security: 'NONE', username: emailAddress, credentials: { password } };
    const settings = protocol === 'imap' ? { imap: server } : { pop3: { ...server, pollIntervalSeconds: 30 } };
    const input = { name, emailAddress, ...settings };
    const { addAccount } = await this.call<{ addAccount: AccountPayload }>(query, { input });
    refuse(addAccount.errors);
    if (!addAccount.account) throw new Error(`The account ${name} was not added.`);
    return addAccount.account.id;
  }

  /** The newest message of an account's INBOX that is not flagged; undefined while there is none. */
  async findMessageId(accountId: string): Promise<string | undefined> {
    const query = `query Newest($accountIds: [ID!]) {
      messages(first: 1, filter: { accountIds: $accountIds, specialUse: [INBOX], flagged: false }) { nodes { id } }
    }`;
    const data = await this.call<{ messages: { nodes: { id: string }[] } }>(query, { accountIds: [accountId] });
    return data.messages.nodes[0]?.id;
  }

  private async call<Data>(query: string, variables: Record<string, unknown>): Promise<Data> {
    const response = await fetch(`${this.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${this.key}` },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(CALL_MS),
    });
    const text = await response.text();
    if (!text.startsWith('{')) throw new Error(`The gateway answered ${response.status}: ${text.slice(0, 200)}`);
    const answer: GraphqlAnswer<Data> = JSON.parse(text);
    refuse(answer.errors ?? []);
    if (!answer.data) throw new Error(`The gateway answered ${response.status} without data.`);
    return answer.data;
  }
}

function refuse(errors: readonly { readonly message: string }[]): void {
  if (errors.length > 0) throw new Error(errors.map((error) => error.message).join('; '));
}
