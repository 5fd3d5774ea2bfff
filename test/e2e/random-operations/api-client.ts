import { message } from '../../factories/messages.js';
import type { GatewayClient } from '../gateway-client.js';
import type { OperationsLog } from './operations-log.js';
import { keywords } from './mail-client.js';
import type { Random } from './random.js';

interface Listed {
  readonly messages: { readonly nodes: readonly { id: string; messageId: string; mailbox: { id: string } }[] };
  readonly account: { readonly mailboxes: readonly { id: string; selectable: boolean }[] };
}

const LIST = `query ($id: ID!) {
  account(id: $id) { mailboxes { id selectable } }
  messages(first: 100, filter: { accountIds: [$id] }) { nodes { id messageId mailbox { id } } } }`;
const UPDATE = 'mutation ($input: UpdateMessagesInput!) { updateMessages(input: $input) { failures { id } } }';
const MOVE = 'mutation ($input: MoveMessagesInput!) { moveMessages(input: $input) { failures { id } } }';
const COPY = 'mutation ($input: MoveMessagesInput!) { copyMessages(input: $input) { failures { id } } }';
const DELETE = 'mutation ($input: DeleteMessagesInput!) { deleteMessages(input: $input) { failures { id } } }';
const IMPORT =
  'mutation ($input: ImportMessageInput!) { importMessage(input: $input) { message { id } errors { code } } }';

let imported = 0;

/** Works on the same account through the gateway, whose own changes and those of others must not be taken for each other. */
export class ApiClient {
  constructor(
    private readonly client: () => GatewayClient,
    private readonly accountId: string,
    private readonly random: Random,
    private readonly log: OperationsLog,
  ) {}

  /** One random operation; it fails where the gateway is just killed, or the message gone. */
  async operate(): Promise<void> {
    const operation = this.random.weighted([
      [4, 'api flag'],
      [3, 'api move'],
      [1, 'api copy'],
      [1, 'api delete'],
      [1, 'api import'],
    ] as const);
    const succeeded = await this.perform(operation).then(
      () => true,
      () => false,
    );
    this.log.finished(operation, succeeded);
  }

  private async perform(operation: 'api flag' | 'api move' | 'api copy' | 'api delete' | 'api import'): Promise<void> {
    const { messages, account } = await this.client().query<Listed>(LIST, { id: this.accountId });
    const nodes = this.random.some(messages.nodes, 3);
    const mailbox = this.random.pick(account.mailboxes.filter(({ selectable }) => selectable));
    const ids = nodes.map(({ id }) => id);
    const messageIds = nodes.map(({ messageId }) => messageId);
    if (!mailbox) return;
    switch (operation) {
      case 'api flag':
        this.log.flagChange(messageIds);
        return this.send(UPDATE, { ids, ...this.flagChange() });
      case 'api move':
      case 'api copy':
        this.log.arrival(messageIds, operation === 'api copy');
        return this.send(operation === 'api copy' ? COPY : MOVE, { ids, mailboxId: mailbox.id });
      case 'api delete':
        this.log.arrival(messageIds, false);
        return this.send(DELETE, { ids });
      case 'api import':
        return this.import(mailbox.id);
      default:
        return operation satisfies never;
    }
  }

  /** One attribute at a time: what takes two commands may be seen in between, and is two changes then. */
  private flagChange(): Record<string, unknown> {
    if (this.random.chance(0.4)) {
      return { [this.random.chance(0.5) ? 'addKeywords' : 'removeKeywords']: [this.random.pick(keywords)] };
    }
    return { [this.random.pick(['seen', 'flagged', 'answered', 'draft'])!]: this.random.chance(0.6) };
  }

  private async import(mailboxId: string): Promise<void> {
    imported += 1;
    const messageId = `imported-${imported}@random.example`;
    const raw = message({ subject: `imported ${imported}`, messageId });
    this.log.arrival([messageId], true);
    await this.send(IMPORT, { mailboxId, rawBase64: raw.toString('base64') });
  }

  private async send(mutation: string, input: Record<string, unknown>): Promise<void> {
    await this.client().query(mutation, { input });
  }
}
