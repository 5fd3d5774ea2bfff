declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** Our own ids: UUIDs in time order (RFC 9562 section 5.7). Shown to clients with a type prefix (`common/public-id.ts`). */
export type AccountId = Brand<string, 'AccountId'>;
export type MailboxId = Brand<string, 'MailboxId'>;
export type MessageId = Brand<string, 'MessageId'>;
/** A conversation inside one account; the same for the same messages, whoever computes it. */
export type ThreadId = Brand<string, 'ThreadId'>;
export type ApiKeyId = Brand<string, 'ApiKeyId'>;
/** Names stored octets; copies of a message inside one account share it. */
export type ContentId = Brand<string, 'ContentId'>;

/** IMAP unique identifier, 1 to 2^32-1; means nothing without its UIDVALIDITY (RFC 9051 section 2.3.1.1). */
export type Uid = Brand<number, 'Uid'>;
/** Generation of a mailbox's UIDs. When it changes every UID known before is void. */
export type UidValidity = Brand<bigint, 'UidValidity'>;
/** Per-mailbox modification sequence, 63 bits (RFC 7162 section 3.1). */
export type ModSeq = Brand<bigint, 'ModSeq'>;

/** Place in an account's change log: 1, 2, 3 … without gaps. 0 is "before everything". */
export type ChangePosition = Brand<bigint, 'ChangePosition'>;

export const uid = (value: number): Uid => value as Uid;
export const uidValidity = (value: bigint | number): UidValidity => BigInt(value) as UidValidity;
export const modSeq = (value: bigint | number): ModSeq => BigInt(value) as ModSeq;
export const changePosition = (value: bigint | number): ChangePosition => BigInt(value) as ChangePosition;
