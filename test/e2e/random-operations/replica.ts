import type { GatewayClient } from '../gateway-client.js';

export interface ReplicaMessage {
  readonly id: string;
  readonly messageId: string;
  readonly subject: string;
  readonly receivedAt: string;
  readonly sizeBytes: number;
  readonly seen: boolean;
  readonly flagged: boolean;
  readonly answered: boolean;
  readonly draft: boolean;
  readonly keywords: readonly string[];
  readonly mailbox: { readonly id: string };
}
interface ReplicaMailbox {
  readonly id: string;
  readonly path: string;
}

export type Change = { readonly cursor: string } & (
  | { readonly __typename: 'MessageAdded'; readonly message: ReplicaMessage }
  | {
      readonly __typename: 'MessageUpdated';
      readonly message: ReplicaMessage;
      readonly previousMailboxId: string | null;
    }
  | { readonly __typename: 'MessageRemoved'; readonly removedId: string; readonly mailboxId: string }
  | { readonly __typename: 'MailboxAdded' | 'MailboxUpdated' | 'MailboxReset'; readonly mailbox: ReplicaMailbox }
  | { readonly __typename: 'MailboxRemoved'; readonly mailboxId: string }
  | { readonly __typename: 'AccountStatusChanged' }
);

const MESSAGE = 'id messageId receivedAt subject sizeBytes seen flagged answered draft keywords mailbox { id }';
export const CHANGE = `__typename cursor
  ... on MessageAdded { message { ${MESSAGE} } }
  ... on MessageUpdated { message { ${MESSAGE} } previousMailboxId }
  ... on MessageRemoved { removedId: messageId mailboxId }
  ... on MailboxAdded { mailbox { id path } }
  ... on MailboxUpdated { mailbox { id path } }
  ... on MailboxReset { mailbox { id path } }
  ... on MailboxRemoved { mailboxId path }`;

/** What a client holds that has listed an account once and has followed its changes ever since. */
export class Replica {
  readonly mailboxes = new Map<string, string>();
  readonly messages = new Map<string, ReplicaMessage>();

  /** @param cursor from which on changes are to be applied */
  private constructor(readonly cursor: string) {}

  static async list(client: GatewayClient, accountId: string): Promise<Replica> {
    const { account } = await client.query<{ account: { changeCursor: string; mailboxes: ReplicaMailbox[] } }>(
      'query ($id: ID!) { account(id: $id) { changeCursor mailboxes { id path } } }',
      { id: accountId },
    );
    const replica = new Replica(account.changeCursor);
    for (const { id, path } of account.mailboxes) replica.mailboxes.set(id, path);
    for (const message of await listMessages(client, { accountIds: [accountId] })) replica.put(message);
    return replica;
  }

  copy(): Replica {
    const copy = new Replica(this.cursor);
    for (const [id, path] of this.mailboxes) copy.mailboxes.set(id, path);
    for (const message of this.messages.values()) copy.put(message);
    return copy;
  }

  /** As the schema says: a mailbox that was reset is dropped and listed again. */
  async apply(change: Change, client: () => GatewayClient): Promise<void> {
    switch (change.__typename) {
      case 'MessageAdded':
      case 'MessageUpdated':
        return this.put(change.message);
      case 'MessageRemoved':
        this.messages.delete(change.removedId);
        return;
      case 'MailboxAdded':
      case 'MailboxUpdated':
        this.mailboxes.set(change.mailbox.id, change.mailbox.path);
        return;
      case 'MailboxRemoved':
        this.mailboxes.delete(change.mailboxId);
        return;
      case 'MailboxReset':
        return this.listAgain(change.mailbox.id, client);
      case 'AccountStatusChanged':
        return;
      default:
        return change satisfies never;
    }
  }

  /** One line for each message, to be compared. */
  lines(): string[] {
    return [...this.messages.values()]
      .map(({ mailbox, keywords, ...rest }) =>
        JSON.stringify({ ...rest, keywords: [...keywords].sort(), mailbox: this.mailboxes.get(mailbox.id) }),
      )
      .sort();
  }

  private put(message: ReplicaMessage): void {
    this.messages.set(message.id, message);
  }

  private async listAgain(mailboxId: string, client: () => GatewayClient): Promise<void> {
    // Listed first: whatever is interrupted is done again, and nothing is missing meanwhile.
    const listed = await listMessages(client(), { mailboxIds: [mailboxId] });
    for (const { id, mailbox } of this.messages.values()) if (mailbox.id === mailboxId) this.messages.delete(id);
    for (const message of listed) this.put(message);
  }
}

/** Newest first, page by page. */
export async function listMessages(client: GatewayClient, filter: Record<string, unknown>): Promise<ReplicaMessage[]> {
  const all: ReplicaMessage[] = [];
  for (let after: string | null = null; ;) {
    const { messages }: Page = await client.query<Page>(
      `query ($after: String, $filter: MessageFilter) { messages(first: 200, after: $after, filter: $filter) {
        nodes { ${MESSAGE} } pageInfo { hasNextPage endCursor } } }`,
      { after, filter },
    );
    all.push(...messages.nodes);
    if (!messages.pageInfo.hasNextPage) return all;
    after = messages.pageInfo.endCursor;
  }
}
interface Page {
  messages: { nodes: ReplicaMessage[]; pageInfo: { hasNextPage: boolean; endCursor: string } };
}
