import type { ImapFlow } from 'imapflow';
import type { Dovecot } from '../../servers/dovecot.js';
import type { GatewayProcess } from '../gateway-process.js';
import { connectTo, holdsNoMessages } from './connect-to.js';

/** An account as lines of text, one for each mailbox and message, in a fixed order: equal accounts have equal lines. */
export type AccountLines = readonly string[];

interface Described {
  readonly path: string;
  readonly uid: number;
  readonly uidValidity: string;
  readonly messageId: string;
  readonly subject: string;
  readonly sizeBytes: number;
  readonly receivedAt: string;
  readonly flags: readonly string[];
}

const line = ({ path, uid, uidValidity, messageId, subject, sizeBytes, receivedAt, flags }: Described): string =>
  [path, uidValidity, uid, messageId, subject, sizeBytes, receivedAt, [...flags].sort().join(' ')].join(' | ');
const mailboxLine = (path: string, messages: number, unseen: number): string =>
  `${path} has ${messages}, ${unseen} unseen`;

/** What the server says, asked without the gateway. */
export async function serverLines(dovecot: Dovecot, user: string): Promise<AccountLines> {
  const flow = await connectTo(dovecot, user);
  try {
    const lines: string[] = [];
    for (const { path, flags } of await flow.list()) {
      lines.push(...(holdsNoMessages(flags) ? [`${path} holds no messages`] : await linesOf(flow, path)));
    }
    return lines.sort();
  } finally {
    await flow.logout();
  }
}

async function linesOf(flow: ImapFlow, path: string): Promise<string[]> {
  // Dovecot may list a deleted mailbox like any other as long as there are mailboxes below it.
  const mailbox = await flow.mailboxOpen(path, { readOnly: true }).catch(() => undefined);
  if (!mailbox) return [mailboxLine(path, 0, 0)];
  const query = { uid: true, flags: true, envelope: true, size: true, internalDate: true };
  const rows = mailbox.exists === 0 ? [] : await flow.fetchAll('1:*', query);
  const described = rows.map(({ uid, flags = new Set<string>(), envelope, size = 0, internalDate = '' }) => ({
    path,
    uid,
    uidValidity: String(mailbox.uidValidity),
    messageId: (envelope?.messageId ?? '').replace(/^<|>$/g, ''),
    subject: envelope?.subject ?? '',
    sizeBytes: size,
    receivedAt: new Date(internalDate).toISOString(),
    flags: [...flags].filter((flag) => flag !== '\\Deleted' && flag !== '\\Recent'),
  }));
  const unseen = described.filter(({ flags }) => !flags.includes('\\Seen')).length;
  return [mailboxLine(path, rows.length, unseen), ...described.map(line)];
}

interface MailboxRow {
  readonly path: string;
  readonly selectable: boolean;
  readonly total_messages: number;
  readonly unseen_messages: number;
}
interface MessageRow {
  readonly path: string;
  readonly uid: string | null;
  readonly uid_validity: string | null;
  readonly message_id: string | null;
  readonly subject: string | null;
  readonly size_bytes: string;
  readonly received_at: Date;
  readonly seen: boolean;
  readonly flagged: boolean;
  readonly answered: boolean;
  readonly draft: boolean;
  readonly keywords: readonly string[];
}

/** What the mirror holds of the only account, UIDs and counters too. Nobody is asked through the API, so nothing is compared because of it. */
export async function mirrorLines(gateway: GatewayProcess): Promise<AccountLines> {
  const mailboxes = await gateway.sql<MailboxRow>(
    'SELECT path, selectable, total_messages, unseen_messages FROM mailbox',
  );
  const messages = await gateway.sql<MessageRow>(
    `SELECT b.path, m.* FROM message m JOIN mailbox b ON b.account_id = m.account_id AND b.id = m.mailbox_id`,
  );
  return [...mailboxes.map(toMailboxLine), ...messages.map(toMessageLine)].sort();
}

const toMailboxLine = ({ path, selectable, total_messages: total, unseen_messages: unseen }: MailboxRow): string =>
  selectable ? mailboxLine(path, total, unseen) : `${path} holds no messages`;

function toMessageLine(row: MessageRow): string {
  const system = { seen: '\\Seen', flagged: '\\Flagged', answered: '\\Answered', draft: '\\Draft' };
  const set = Object.entries(system).filter(([name]) => row[name as keyof typeof system]);
  return line({
    path: row.path,
    uid: Number(row.uid),
    uidValidity: String(row.uid_validity),
    messageId: row.message_id ?? '',
    subject: row.subject ?? '',
    sizeBytes: Number(row.size_bytes),
    receivedAt: row.received_at.toISOString(),
    flags: [...set.map(([, flag]) => flag), ...row.keywords],
  });
}

/** What only one of the two has. */
export function difference(server: AccountLines, mirror: AccountLines): string[] {
  const has = (lines: AccountLines): Set<string> => new Set(lines);
  const [onServer, inMirror] = [has(server), has(mirror)];
  return [
    ...server.filter((one) => !inMirror.has(one)).map((one) => `only the server: ${one}`),
    ...mirror.filter((one) => !onServer.has(one)).map((one) => `only the mirror: ${one}`),
    ...(server.length === mirror.length ? [] : [`${server.length} lines and ${mirror.length}`]),
  ];
}
