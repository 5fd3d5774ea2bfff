import { baseSubject } from '../mime/base-subject.js';
import { hasAttachments } from '../mime/body-parts.js';
import {
  modSeq,
  uid,
  uidValidity,
  type AccountId,
  type ContentId,
  type MailboxId,
  type MessageId,
  type ThreadId,
} from '../mailbox/model/ids.js';
import {
  UNREADABLE,
  type Address,
  type Envelope,
  type Flags,
  type Message,
  type Part,
  type Pop3Origin,
  type RemoteRef,
} from '../mailbox/model/message.js';
import type { RowOf } from './copy-rows.js';
import type { MirroredRef, NewMessage } from './mirror.port.js';
import { threadIdOf } from './thread-id.js';

/** Longer sort keys do not fit an index and sort nothing better. */
const maxSortKeyLength = 200;

/** What is only shown of the envelope. */
type EnvelopeJson = Omit<Envelope, 'messageId' | 'subject' | 'sentAt'>;

/** A row of `message`, as pg gives it or as `to_jsonb` wrote it into the log. */
export interface MessageRow {
  account_id: string;
  id: string;
  mailbox_id: string;
  uid_validity: string | null;
  uid: string | null;
  mod_seq: string | null;
  content_id: string | null;
  /** Absent in rows that the log kept before there were threads. */
  thread_id?: string;
  email_id: string | null;
  message_id: string | null;
  subject: string | null;
  envelope: EnvelopeJson;
  sent_at: Date | string | null;
  received_at: Date | string;
  size_bytes: string;
  seen: boolean;
  flagged: boolean;
  answered: boolean;
  draft: boolean;
  keywords: string[];
  has_attachments: boolean;
  preview: string | null;
  parts: Part | null;
  parse_warnings: string[];
  /** From the POP3 ledger; absent in rows that the log kept. */
  origin?: OriginJson | null;
}

interface OriginJson {
  readonly uidl: string;
  readonly stored_at: string;
  readonly on_server: boolean;
  readonly delete_at: string | null;
}

/** Columns of a listing: all but the keys that only sort and filter. */
export const MESSAGE_COLUMNS = `m.account_id, m.id, m.mailbox_id, m.uid_validity, m.uid, m.mod_seq, m.content_id, m.thread_id,
  m.email_id, m.message_id, m.subject, m.envelope, m.sent_at, m.received_at, m.size_bytes, m.seen, m.flagged, m.answered, m.draft,
  m.keywords, m.has_attachments, m.preview, m.parts, m.parse_warnings,
  CASE WHEN m.content_id IS NOT NULL THEN (
    SELECT jsonb_build_object('uidl', encode(u.uidl, 'escape'), 'stored_at', u.stored_at, 'on_server', u.on_server,
      'delete_at', CASE WHEN u.on_server AND a.after_download = 'DELETE_AFTER_DAYS'
        THEN u.stored_at + make_interval(days => a.delete_after_days) END)
    FROM uidl u JOIN account a ON a.id = u.account_id
    WHERE u.account_id = m.account_id AND u.message_id = m.id LIMIT 1
  ) END AS origin`;

/** A condition that an index was made for: the sentence must stand in the statement itself. */
export const UNREADABLE_ROWS = `parse_warnings @> ARRAY['${UNREADABLE}']`;

/** What copies of a message in several mailboxes of an account have in common. */
export const sameMessage = (row: string): string => `coalesce(${row}.email_id, ${row}.message_id, ${row}.id::text)`;

export function toMessage(row: MessageRow): Message {
  const id = row.id as MessageId;
  const accountId = row.account_id as AccountId;
  const envelope = {
    ...row.envelope,
    messageId: row.message_id ?? undefined,
    subject: row.subject ?? undefined,
    sentAt: row.sent_at === null ? undefined : new Date(row.sent_at),
  };
  return {
    id,
    accountId,
    threadId: (row.thread_id as ThreadId | undefined) ?? threadIdOf(accountId, id, { envelope }),
    mailboxId: row.mailbox_id as MailboxId,
    remote: toRemoteRef(row),
    modSeq: row.mod_seq === null ? undefined : modSeq(BigInt(row.mod_seq)),
    contentId: (row.content_id ?? undefined) as ContentId | undefined,
    emailId: row.email_id ?? undefined,
    envelope,
    flags: toFlags(row),
    internalDate: new Date(row.received_at),
    sizeBytes: Number(row.size_bytes),
    hasAttachments: row.has_attachments,
    preview: row.preview ?? undefined,
    root: row.parts ?? undefined,
    parseWarnings: row.parse_warnings,
    pop3: row.content_id === null ? undefined : toPop3Origin(row.origin),
  };
}

function toPop3Origin(origin: OriginJson | null | undefined): Pop3Origin {
  if (!origin) return { onServer: false };
  const { uidl, stored_at, on_server, delete_at } = origin;
  return {
    uidl,
    downloadedAt: new Date(stored_at),
    onServer: on_server,
    deleteFromServerAt: delete_at === null ? undefined : new Date(delete_at),
  };
}

function toRemoteRef(row: Pick<MessageRow, 'uid' | 'uid_validity'>): RemoteRef | undefined {
  if (row.uid === null || row.uid_validity === null) return undefined;
  return { uidValidity: uidValidity(BigInt(row.uid_validity)), uid: uid(Number(row.uid)) };
}

const toFlags = (row: Omit<Flags, 'keywords'> & { keywords: string[] }): Flags => ({
  seen: row.seen,
  flagged: row.flagged,
  answered: row.answered,
  draft: row.draft,
  keywords: row.keywords,
});

export type RefRow = Pick<
  MessageRow,
  | 'id'
  | 'mailbox_id'
  | 'uid_validity'
  | 'uid'
  | 'mod_seq'
  | 'email_id'
  | 'message_id'
  | 'size_bytes'
  | 'received_at'
  | 'seen'
  | 'flagged'
  | 'answered'
  | 'draft'
  | 'keywords'
>;

export const REF_COLUMNS = `id, mailbox_id, uid_validity, uid, mod_seq, email_id, message_id, size_bytes, received_at, seen, flagged,
  answered, draft, keywords`;

export const toMirroredRef = (row: RefRow): MirroredRef => ({
  id: row.id as MessageId,
  mailboxId: row.mailbox_id as MailboxId,
  remote: toRemoteRef(row),
  modSeq: row.mod_seq === null ? undefined : modSeq(BigInt(row.mod_seq)),
  flags: toFlags(row),
  emailId: row.email_id ?? undefined,
  messageId: row.message_id ?? undefined,
  sizeBytes: Number(row.size_bytes),
  internalDate: new Date(row.received_at),
});

/** Columns of a new row and their types. */
export const INSERT_COLUMNS = {
  account_id: 'uuid',
  mailbox_id: 'uuid',
  id: 'uuid',
  uid_validity: 'bigint',
  uid: 'bigint',
  mod_seq: 'bigint',
  content_id: 'uuid',
  thread_id: 'uuid',
  email_id: 'text',
  message_id: 'text',
  subject: 'text',
  envelope: 'jsonb',
  from_text: 'text',
  to_text: 'text',
  cc_text: 'text',
  bcc_text: 'text',
  sort_subject: 'text',
  sort_from: 'text',
  sent_at: 'timestamptz',
  sort_sent_at: 'timestamptz',
  received_at: 'timestamptz',
  size_bytes: 'bigint',
  seen: 'boolean',
  flagged: 'boolean',
  answered: 'boolean',
  draft: 'boolean',
  keywords: 'text[]',
  has_attachments: 'boolean',
  preview: 'text',
  parts: 'jsonb',
  parse_warnings: 'text[]',
} as const;

type InsertRow = RowOf<typeof INSERT_COLUMNS>;

interface NewRow {
  readonly accountId: AccountId;
  readonly mailboxId: MailboxId;
  readonly id: MessageId;
  readonly message: NewMessage;
}

export function toInsertRow({ accountId, mailboxId, id, message }: NewRow): InsertRow {
  const { data, remote } = message;
  const { messageId, subject, sentAt, from, to, cc, bcc } = data.envelope;
  const { seen, flagged, answered, draft, keywords } = data.flags;
  return {
    account_id: accountId,
    mailbox_id: mailboxId,
    id,
    uid_validity: remote?.uidValidity,
    uid: remote?.uid,
    mod_seq: message.modSeq,
    content_id: message.contentId,
    thread_id: threadIdOf(accountId, id, data),
    email_id: data.emailId,
    message_id: messageId,
    subject,
    envelope: toEnvelopeJson(data.envelope),
    from_text: addressText(from),
    to_text: addressText(to),
    cc_text: addressText(cc),
    bcc_text: addressText(bcc),
    sort_subject: sortKey(baseSubject(subject ?? '')),
    sort_from: sortKey(from[0]?.name ?? from[0]?.address ?? ''),
    sent_at: sentAt,
    sort_sent_at: sentAt ?? data.internalDate,
    received_at: data.internalDate,
    size_bytes: data.sizeBytes,
    seen,
    flagged,
    answered,
    draft,
    keywords,
    has_attachments: data.root ? hasAttachments(data.root) : (data.looksAttached ?? false),
    preview: data.preview,
    parts: data.root,
    parse_warnings: data.parseWarnings,
  };
}

/** By name: objects made of "the rest" are slow ones, and there are many. */
function toEnvelopeJson({ inReplyTo, references, from, sender, replyTo, to, cc, bcc }: Envelope): EnvelopeJson {
  return { inReplyTo, references, from, sender, replyTo, to, cc, bcc };
}

const addressText = (addresses: readonly Address[]): string =>
  addresses.map(({ name, address }) => [name, address].filter(Boolean).join(' ')).join(', ');

const sortKey = (text: string): string => text.toLowerCase().slice(0, maxSortKeyLength).toWellFormed();
