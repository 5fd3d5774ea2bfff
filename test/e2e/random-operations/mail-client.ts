import type { ImapFlow } from 'imapflow';
import { message } from '../../factories/messages.js';
import type { Dovecot } from '../../servers/dovecot.js';
import { connectTo, holdsNoMessages } from './connect-to.js';
import type { OperationsLog } from './operations-log.js';
import type { Random } from './random.js';

const flags = ['\\Seen', '\\Flagged', '\\Answered', '\\Draft'];
export const keywords = ['$Forwarded', '$Junk', 'garden', 'Steuer'];
/** With more messages in INBOX than this, more are expunged than appended. */
const plenty = 120;
const mostOwnMailboxes = 5;

let appended = 0;

interface Target {
  readonly uids: string;
  readonly messageIds: readonly string[];
}
type Operation = 'append' | 'flag' | 'move' | 'copy' | 'expunge' | 'create' | 'rename' | 'delete';

/** One of those who work on the same account without knowing of the gateway: an ordinary mail program, in haste. */
export class MailClient {
  private constructor(
    private readonly dovecot: Dovecot,
    private readonly user: string,
    private flow: ImapFlow,
    private readonly random: Random,
    private readonly log: OperationsLog,
  ) {}

  static async connect(dovecot: Dovecot, user: string, random: Random, log: OperationsLog): Promise<MailClient> {
    return new MailClient(dovecot, user, await connectTo(dovecot, user), random, log);
  }

  async close(): Promise<void> {
    if (this.flow.usable) await this.flow.logout();
  }

  /** One random operation. The other client may have taken away what it is about: then it fails, which is part of it. */
  async operate(): Promise<void> {
    // Dovecot hangs up on a client whose selected mailbox was deleted by the other one.
    if (!this.flow.usable) this.flow = await connectTo(this.dovecot, this.user);
    const operation = await this.choose().catch(() => undefined);
    if (operation === undefined) return;
    const succeeded = await this.perform(operation).catch(() => false);
    if (succeeded !== undefined) this.log.finished(operation, succeeded);
  }

  private async choose(): Promise<Operation> {
    const inbox = await this.flow.status('INBOX', { messages: true });
    const crowded = inbox && (inbox.messages ?? 0) > plenty;
    return this.random.weighted<Operation>([
      [crowded ? 8 : 24, 'append'],
      [30, 'flag'],
      [18, 'move'],
      [6, 'copy'],
      [crowded ? 24 : 10, 'expunge'],
      [2, 'create'],
      [2, 'rename'],
      [2, 'delete'],
    ]);
  }

  /** @returns undefined where there was nothing to do it to */
  private async perform(operation: Operation): Promise<boolean | undefined> {
    switch (operation) {
      case 'append':
        return this.append();
      case 'create':
        return this.create();
      case 'rename':
        return this.rename();
      case 'delete':
        return this.deleteMailbox();
      case 'flag':
      case 'move':
      case 'copy':
      case 'expunge':
        return this.withMessages(operation);
      default:
        return operation satisfies never;
    }
  }

  private async append(): Promise<boolean> {
    const { random } = this;
    const path = random.chance(0.6) ? 'INBOX' : await this.anyPath();
    appended += 1;
    const messageId = `${appended}@random.example`;
    const raw = message({ subject: `number ${appended}`, messageId, body: 'x'.repeat(random.below(3_000)) });
    this.log.arrival([messageId], true);
    // Not all at different times: what is the same in many cannot tell them apart.
    const date = new Date(Date.UTC(2026, 0, 1 + random.below(20), 12));
    return Boolean(await this.flow.append(path, raw, random.some([...flags, ...keywords], 2), date));
  }

  private async withMessages(operation: 'flag' | 'move' | 'copy' | 'expunge'): Promise<boolean | undefined> {
    const path = this.random.chance(0.5) ? 'INBOX' : await this.anyPath();
    const lock = await this.flow.getMailboxLock(path);
    try {
      const target = await this.target();
      if (!target) return undefined;
      if (operation === 'flag') return await this.flag(target);
      if (operation === 'expunge') return await this.flow.messageDelete(target.uids, { uid: true });
      const to = await this.anyPath();
      if (to === path) return undefined;
      this.log.arrival(target.messageIds, operation === 'copy');
      return operation === 'copy'
        ? Boolean(await this.flow.messageCopy(target.uids, to, { uid: true }))
        : Boolean(await this.flow.messageMove(target.uids, to, { uid: true }));
    } finally {
      lock.release();
    }
  }

  private async flag({ uids, messageIds }: Target): Promise<boolean> {
    const flag = this.random.pick([...flags, ...keywords])!;
    this.log.flagChange(messageIds);
    return this.random.chance(0.6)
      ? this.flow.messageFlagsAdd(uids, [flag], { uid: true })
      : this.flow.messageFlagsRemove(uids, [flag], { uid: true });
  }

  /** A few messages of the selected mailbox. */
  private async target(): Promise<Target | undefined> {
    const uids = await this.flow.search({ all: true }, { uid: true });
    if (!uids || uids.length === 0) return undefined;
    const chosen = this.random.some(uids, 4).join(',');
    return { uids: chosen, messageIds: await this.messageIds(chosen, true) };
  }

  private async messageIds(range: string, uid: boolean): Promise<string[]> {
    const rows = await this.flow.fetchAll(range, { envelope: true }, { uid });
    return rows.map(({ envelope }) => (envelope?.messageId ?? '').replace(/^<|>$/g, ''));
  }

  // ---------------------------------------------------------------- mailboxes

  private async paths(): Promise<string[]> {
    const listed = await this.flow.list();
    return listed.filter(({ flags: attributes }) => !holdsNoMessages(attributes)).map(({ path }) => path);
  }

  private async anyPath(): Promise<string> {
    return this.random.pick(await this.paths()) ?? 'INBOX';
  }

  private async own(): Promise<string[]> {
    return (await this.paths()).filter((path) => path.startsWith('Work'));
  }

  /** Names come again, so that a mailbox is made anew under the name of one that was deleted or renamed. */
  private async newName(): Promise<string> {
    const parent = this.random.chance(0.3) ? this.random.pick(await this.own()) : undefined;
    const name = `Work ${this.random.between(1, 6)}`;
    return parent && !parent.includes('/') ? `${parent}/${name} ü&` : name;
  }

  private async create(): Promise<boolean | undefined> {
    if ((await this.own()).length >= mostOwnMailboxes) return undefined;
    return (await this.flow.mailboxCreate(await this.newName())).created;
  }

  private async rename(): Promise<boolean | undefined> {
    const path = this.random.pick(await this.own());
    if (path === undefined) return undefined;
    await this.excuseBelow(path);
    return Boolean(await this.flow.mailboxRename(path, await this.newName()));
  }

  private async deleteMailbox(): Promise<boolean | undefined> {
    const path = this.random.pick(await this.own());
    if (path === undefined || this.random.chance(0.5)) return undefined;
    await this.excuseBelow(path);
    await this.flow.mailboxClose();
    return Boolean(await this.flow.mailboxDelete(path));
  }

  private async excuseBelow(path: string): Promise<void> {
    for (const own of await this.own()) {
      if (own !== path && !own.startsWith(`${path}/`)) continue;
      const lock = await this.flow.getMailboxLock(own);
      try {
        if (this.flow.mailbox && this.flow.mailbox.exists > 0) this.log.excuse(await this.messageIds('1:*', false));
      } finally {
        lock.release();
      }
    }
  }
}
