import type { AccountId, ContentId, MailboxId, MessageId, ModSeq, ThreadId, Uid, UidValidity } from './ids.js';

export interface Address {
  readonly name?: string;
  /** Absent for an unparsable address or an empty group. */
  readonly address?: string;
}

/** Parsed header summary (RFC 9051 section 7.5.2), decoded to Unicode; U+0000 never stands in it. */
export interface Envelope {
  /** Without angle brackets. */
  readonly messageId?: string;
  readonly inReplyTo: readonly string[];
  readonly references: readonly string[];
  readonly subject?: string;
  readonly from: readonly Address[];
  readonly sender: readonly Address[];
  readonly replyTo: readonly Address[];
  readonly to: readonly Address[];
  readonly cc: readonly Address[];
  readonly bcc: readonly Address[];
  /** Date header; absent where missing or unreadable. */
  readonly sentAt?: Date;
}

/** Node of the MIME tree, numbered as IMAP numbers it (RFC 9051 section 6.4.5.1): root of a multipart is '', its children '1', '2', '2.1'. A message without multiparts is the one part '1'. */
export interface Part {
  readonly partNumber: string;
  /** Lower case, e.g. `text/plain`. */
  readonly contentType: string;
  readonly charset?: string;
  /** Content-Transfer-Encoding, lower case. */
  readonly encoding?: string;
  /** Lower case: `inline`, `attachment`. */
  readonly disposition?: string;
  readonly filename?: string;
  /** Without angle brackets. */
  readonly contentId?: string;
  /** Octets as encoded in the message (not decoded). */
  readonly sizeBytes: number;
  readonly parts: readonly Part[];
}

export interface Flags {
  readonly seen: boolean;
  readonly flagged: boolean;
  readonly answered: boolean;
  readonly draft: boolean;
  /** Sorted, as stored by the server, without system flags. Compared without case (RFC 9051 section 2.3.2). */
  readonly keywords: readonly string[];
}

export const NO_FLAGS: Flags = { seen: false, flagged: false, answered: false, draft: false, keywords: [] };

/** What is set, cleared or left alone (absent). */
export interface FlagChange {
  readonly seen?: boolean;
  readonly flagged?: boolean;
  readonly answered?: boolean;
  readonly draft?: boolean;
  readonly addKeywords?: readonly string[];
  readonly removeKeywords?: readonly string[];
}

/** Where the server keeps a message (IMAP). Absent for messages that live in the gateway. */
export interface RemoteRef {
  readonly uidValidity: UidValidity;
  readonly uid: Uid;
}

/** What is known of the copy on a POP3 server. */
export interface Pop3Origin {
  readonly uidl?: string;
  readonly downloadedAt?: Date;
  readonly onServer: boolean;
  readonly deleteFromServerAt?: Date;
}

/** What a keeper says of a message it has seen; becomes a row of the mirror. */
export interface MessageData {
  readonly envelope: Envelope;
  readonly flags: Flags;
  /** IMAP INTERNALDATE; POP3: topmost Received header, else the time of download. Millisecond precision. */
  readonly internalDate: Date;
  readonly sizeBytes: number;
  /** Absent while octets that are stored here have not been read as MIME yet: the header is read first. */
  readonly root?: Part;
  /** Whether there seem to be attachments, while `root` is absent. */
  readonly looksAttached?: boolean;
  /** Start of the readable text on one line, at most 256 characters; absent while nobody has read the text. */
  readonly preview?: string;
  /** RFC 8474 EMAILID or X-GM-MSGID. */
  readonly emailId?: string;
  /** RFC 8474 THREADID or X-GM-THRID. */
  readonly serverThreadId?: string;
  readonly parseWarnings: readonly string[];
}

/**
 * Among the `parseWarnings` of a message of which there is only what could be had without reading it. Rows are found by this
 * sentence: an index is made of it, so it may not change without a migration.
 */
export const UNREADABLE = 'the mail server ends the connection when this message is read; it will be tried again';

export const isUnreadable = ({ parseWarnings }: Pick<MessageData, 'parseWarnings'>): boolean =>
  parseWarnings.includes(UNREADABLE);

/** One copy of a message in one mailbox, as the mirror holds it. */
export interface Message extends Omit<MessageData, 'serverThreadId'> {
  readonly id: MessageId;
  readonly threadId: ThreadId;
  readonly accountId: AccountId;
  readonly mailboxId: MailboxId;
  readonly hasAttachments: boolean;
  readonly remote?: RemoteRef;
  readonly modSeq?: ModSeq;
  /** Present where the octets are stored here. */
  readonly contentId?: ContentId;
  readonly pop3?: Pop3Origin;
}

/** A message that has been read as MIME. */
export type ReadMessage = Message & { readonly root: Part };

export interface HeaderField {
  readonly name: string;
  readonly value: string;
}
