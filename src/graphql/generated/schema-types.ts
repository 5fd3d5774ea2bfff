// Made from src/graphql/schema/ by `npm run generate`; do not edit.

export interface Account {
  readonly id: string;
  readonly name: string;
  readonly emailAddress?: string | null;
  readonly protocol: Protocol;
  readonly storage: MailStorage;
  readonly server: ServerSettings;
  readonly status: AccountStatus;
  readonly capabilities: AccountCapabilities;
  readonly pop3?: Pop3Policy | null;
  readonly mailboxes: readonly Mailbox[];
  readonly messages: MessageConnection;
  readonly threads: ThreadConnection;
  readonly quota: readonly Quota[];
  readonly sync: SyncStatus;
  readonly unreadableMessages: readonly Message[];
  readonly protocolLog: readonly string[];
  readonly changeCursor: string;
  readonly createdAt: Date;
}

export interface AccountMailboxesArgs {
  readonly specialUse?: readonly SpecialUse[] | null;
}

export interface AccountMessagesArgs {
  readonly first?: number | null;
  readonly after?: string | null;
  readonly last?: number | null;
  readonly before?: string | null;
  readonly filter?: MessageFilter | null;
  readonly orderBy?: MessageOrder | null;
}

export interface AccountThreadsArgs {
  readonly first: number | null;
  readonly after?: string | null;
  readonly filter?: MessageFilter | null;
}

export interface AccountProtocolLogArgs {
  readonly last: number | null;
}

export interface AccountCapabilities {
  readonly manageMailboxes: boolean;
  readonly push: boolean;
  readonly keywords: boolean;
  readonly move: boolean;
  readonly threads: boolean;
  readonly sharedState: boolean;
  readonly server: readonly string[];
}

export interface AccountConnection {
  readonly edges: readonly AccountEdge[];
  readonly nodes: readonly Account[];
  readonly pageInfo: PageInfo;
  readonly totalCount: number;
}

export interface AccountEdge {
  readonly cursor: string;
  readonly node: Account;
}

export interface AccountError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly at: Date;
}

export interface AccountFailure {
  readonly accountId: string;
  readonly error: UserError;
}

export interface AccountFilter {
  readonly protocol?: Protocol | null;
  readonly states?: readonly AccountState[] | null;
  readonly text?: string | null;
}

export interface AccountPayload {
  readonly account?: Account | null;
  readonly errors: readonly UserError[];
}

export type AccountState = 'CONNECTING' | 'SYNCING' | 'ONLINE' | 'OFFLINE' | 'AUTHENTICATION_FAILED' | 'PAUSED';

export interface AccountStatus {
  readonly state: AccountState;
  readonly since: Date;
  readonly lastError?: AccountError | null;
  readonly nextAttemptAt?: Date | null;
  readonly lastSuccessAt?: Date | null;
}

export interface AccountStatusChanged {
  readonly cursor: string;
  readonly at: Date;
  readonly account: Account;
  readonly status: AccountStatus;
}

export interface AddAccountInput {
  readonly name?: string | null;
  readonly emailAddress?: string | null;
  readonly imap?: ImapSettingsInput | null;
  readonly pop3?: Pop3SettingsInput | null;
  readonly verify: boolean;
}

export interface Address {
  readonly name?: string | null;
  readonly address?: string | null;
}

export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly accountIds?: readonly string[] | null;
  readonly createdAt: Date;
  readonly lastUsedAt?: Date | null;
  readonly expiresAt?: Date | null;
}

export interface Attachment {
  readonly partId: string;
  readonly filename?: string | null;
  readonly contentType: string;
  readonly sizeBytes: number;
  readonly contentId?: string | null;
  readonly inline: boolean;
  readonly url: string;
}

export type AuthenticationMethod = 'PASSWORD' | 'OAUTH2';

export interface BodyPart {
  readonly partId: string;
  readonly contentType: string;
  readonly charset?: string | null;
  readonly encoding?: string | null;
  readonly disposition?: string | null;
  readonly filename?: string | null;
  readonly contentId?: string | null;
  readonly sizeBytes: number;
  readonly parts: readonly BodyPart[];
}

export interface Change {
  readonly cursor: string;
  readonly at: Date;
  readonly account: Account;
}

export interface ChangePage {
  readonly changes: readonly Change[];
  readonly cursor: string;
  readonly hasMore: boolean;
}

export type ChangeType = 'MESSAGE_ADDED' | 'MESSAGE_UPDATED' | 'MESSAGE_REMOVED' | 'MAILBOX_ADDED' | 'MAILBOX_UPDATED' | 'MAILBOX_REMOVED' | 'MAILBOX_RESET' | 'ACCOUNT_STATUS_CHANGED';

export type ConnectionSecurity = 'TLS' | 'STARTTLS' | 'NONE';

export interface ConnectionStep {
  readonly name: string;
  readonly ok: boolean;
  readonly durationMs: number;
  readonly detail?: string | null;
}

export interface CreateApiKeyInput {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly accountIds?: readonly string[] | null;
  readonly expiresAt?: Date | null;
}

export interface CreateApiKeyPayload {
  readonly apiKey?: ApiKey | null;
  readonly secret?: string | null;
  readonly errors: readonly UserError[];
}

export interface CreateMailboxInput {
  readonly accountId: string;
  readonly name: string;
  readonly parentId?: string | null;
}

export interface CredentialsInput {
  readonly password?: string | null;
  readonly oauth2?: OAuth2Input | null;
}

export interface DeleteMailboxPayload {
  readonly deletedMailboxId?: string | null;
  readonly errors: readonly UserError[];
}

export interface DeleteMessagesInput {
  readonly ids: readonly string[];
  readonly permanently: boolean;
}

export interface DeleteMessagesPayload {
  readonly trashed: readonly Message[];
  readonly deletedIds: readonly string[];
  readonly failures: readonly MessageFailure[];
  readonly errors: readonly UserError[];
}

export type ErrorCode = 'INVALID_INPUT' | 'NOT_FOUND' | 'UNAUTHENTICATED' | 'FORBIDDEN' | 'CONFLICT' | 'UNSUPPORTED' | 'AUTHENTICATION_FAILED' | 'CONNECTION_FAILED' | 'TLS_FAILED' | 'HOST_FORBIDDEN' | 'SERVER_REJECTED' | 'MAILDROP_LOCKED' | 'QUOTA_EXCEEDED' | 'RATE_LIMITED' | 'QUERY_TOO_COMPLEX' | 'TOO_LARGE' | 'CURSOR_EXPIRED' | 'TIMEOUT' | 'INTERNAL';

export interface Header {
  readonly name: string;
  readonly value: string;
}

export interface HeaderFilter {
  readonly name: string;
  readonly contains: string;
}

export interface ImapSettingsInput {
  readonly host: string;
  readonly port?: number | null;
  readonly security: ConnectionSecurity;
  readonly username: string;
  readonly credentials: CredentialsInput;
  readonly mailboxes?: readonly string[] | null;
}

export interface ImapSettingsPatch {
  readonly host?: string | null;
  readonly port?: number | null;
  readonly security?: ConnectionSecurity | null;
  readonly username?: string | null;
  readonly credentials?: CredentialsInput | null;
  readonly mailboxes?: readonly string[] | null;
}

export interface ImportMessageInput {
  readonly mailboxId: string;
  readonly rawBase64: string;
  readonly receivedAt?: Date | null;
  readonly idempotencyKey?: string | null;
  readonly seen: boolean;
  readonly flagged: boolean;
  readonly draft: boolean;
  readonly keywords: readonly string[];
}

export interface Limits {
  readonly maxPageSize: number;
  readonly maxBulkIds: number;
  readonly maxQueryDepth: number;
  readonly maxQueryCost: number;
  readonly maxAliases: number;
  readonly maxImportBytes: number;
  readonly maxBodyBytes: number;
  readonly changeRetentionHours: number;
  readonly downloadUrlTtlSeconds: number;
}

export type MailStorage = 'SERVER' | 'GATEWAY';

export interface Mailbox {
  readonly id: string;
  readonly account: Account;
  readonly name: string;
  readonly path: string;
  readonly delimiter?: string | null;
  readonly parent?: Mailbox | null;
  readonly children: readonly Mailbox[];
  readonly specialUse?: SpecialUse | null;
  readonly subscribed: boolean;
  readonly selectable: boolean;
  readonly totalMessages: number;
  readonly unseenMessages: number;
  readonly messages: MessageConnection;
  readonly sync: SyncStatus;
  readonly exportUrl: string;
}

export interface MailboxMessagesArgs {
  readonly first?: number | null;
  readonly after?: string | null;
  readonly last?: number | null;
  readonly before?: string | null;
  readonly filter?: MessageFilter | null;
  readonly orderBy?: MessageOrder | null;
}

export interface MailboxExportUrlArgs {
  readonly format: MailboxExportFormat;
}

export interface MailboxAdded {
  readonly cursor: string;
  readonly at: Date;
  readonly account: Account;
  readonly mailbox: Mailbox;
}

export type MailboxExportFormat = 'MBOX' | 'EML' | 'MAILDIR';

export interface MailboxPayload {
  readonly mailbox?: Mailbox | null;
  readonly errors: readonly UserError[];
}

export interface MailboxRemoved {
  readonly cursor: string;
  readonly at: Date;
  readonly account: Account;
  readonly mailboxId: string;
  readonly path: string;
}

export interface MailboxReset {
  readonly cursor: string;
  readonly at: Date;
  readonly account: Account;
  readonly mailbox: Mailbox;
}

export interface MailboxUpdated {
  readonly cursor: string;
  readonly at: Date;
  readonly account: Account;
  readonly mailbox: Mailbox;
}

export interface Message {
  readonly id: string;
  readonly account: Account;
  readonly mailbox: Mailbox;
  readonly thread: Thread;
  readonly emailId?: string | null;
  readonly messageId?: string | null;
  readonly inReplyTo: readonly string[];
  readonly references: readonly string[];
  readonly subject?: string | null;
  readonly from: readonly Address[];
  readonly sender: readonly Address[];
  readonly replyTo: readonly Address[];
  readonly to: readonly Address[];
  readonly cc: readonly Address[];
  readonly bcc: readonly Address[];
  readonly sentAt?: Date | null;
  readonly receivedAt: Date;
  readonly sizeBytes: number;
  readonly seen: boolean;
  readonly flagged: boolean;
  readonly answered: boolean;
  readonly draft: boolean;
  readonly keywords: readonly string[];
  readonly preview: string;
  readonly hasAttachments: boolean;
  readonly body: MessageBody;
  readonly attachments: readonly Attachment[];
  readonly structure: BodyPart;
  readonly headers: readonly Header[];
  readonly rawUrl: string;
  readonly pop3?: Pop3Origin | null;
  readonly parseWarnings: readonly string[];
}

export interface MessageAttachmentsArgs {
  readonly inline: boolean | null;
}

export interface MessageHeadersArgs {
  readonly names?: readonly string[] | null;
}

export interface MessageAdded {
  readonly cursor: string;
  readonly at: Date;
  readonly account: Account;
  readonly message: Message;
}

export interface MessageBody {
  readonly text?: string | null;
  readonly html?: string | null;
  readonly truncated: boolean;
}

export interface MessageBodyTextArgs {
  readonly maxBytes?: number | null;
}

export interface MessageBodyHtmlArgs {
  readonly remoteContent: RemoteContent | null;
  readonly maxBytes?: number | null;
}

export interface MessageConnection {
  readonly edges: readonly MessageEdge[];
  readonly nodes: readonly Message[];
  readonly pageInfo: PageInfo;
  readonly totalCount: number;
  readonly incomplete: readonly AccountFailure[];
}

export interface MessageEdge {
  readonly cursor: string;
  readonly node: Message;
}

export interface MessageFailure {
  readonly id: string;
  readonly error: UserError;
}

export interface MessageFilter {
  readonly accountIds?: readonly string[] | null;
  readonly mailboxIds?: readonly string[] | null;
  readonly specialUse?: readonly SpecialUse[] | null;
  readonly threadId?: string | null;
  readonly ids?: readonly string[] | null;
  readonly from?: string | null;
  readonly to?: string | null;
  readonly cc?: string | null;
  readonly bcc?: string | null;
  readonly participant?: string | null;
  readonly subject?: string | null;
  readonly header?: HeaderFilter | null;
  readonly messageId?: string | null;
  readonly receivedAfter?: Date | null;
  readonly receivedBefore?: Date | null;
  readonly sentAfter?: Date | null;
  readonly sentBefore?: Date | null;
  readonly minSizeBytes?: number | null;
  readonly maxSizeBytes?: number | null;
  readonly seen?: boolean | null;
  readonly flagged?: boolean | null;
  readonly answered?: boolean | null;
  readonly draft?: boolean | null;
  readonly hasKeyword?: string | null;
  readonly notKeyword?: string | null;
  readonly hasAttachments?: boolean | null;
  readonly and?: readonly MessageFilter[] | null;
  readonly or?: readonly MessageFilter[] | null;
  readonly not?: MessageFilter | null;
}

export interface MessageOrder {
  readonly field: MessageOrderField;
  readonly direction: SortDirection;
}

export type MessageOrderField = 'RECEIVED_AT' | 'SENT_AT' | 'SIZE' | 'SUBJECT' | 'FROM';

export interface MessagePayload {
  readonly message?: Message | null;
  readonly errors: readonly UserError[];
}

export interface MessageRemoved {
  readonly cursor: string;
  readonly at: Date;
  readonly account: Account;
  readonly messageId: string;
  readonly mailboxId: string;
}

export interface MessageUpdated {
  readonly cursor: string;
  readonly at: Date;
  readonly account: Account;
  readonly message: Message;
  readonly previousMailboxId?: string | null;
}

export interface MessagesPayload {
  readonly messages: readonly Message[];
  readonly failures: readonly MessageFailure[];
  readonly errors: readonly UserError[];
}

export interface MoveMessagesInput {
  readonly ids: readonly string[];
  readonly mailboxId: string;
}

export interface MutationRemoveAccountArgs {
  readonly input: RemoveAccountInput;
}

export interface MutationPauseAccountArgs {
  readonly accountId: string;
}

export interface MutationResumeAccountArgs {
  readonly accountId: string;
}

export interface MutationSyncAccountArgs {
  readonly accountId: string;
}

export interface MutationAddAccountArgs {
  readonly input: AddAccountInput;
}

export interface MutationUpdateAccountArgs {
  readonly input: UpdateAccountInput;
}

export interface MutationVerifyAccountArgs {
  readonly input: AddAccountInput;
}

export interface MutationCreateApiKeyArgs {
  readonly input: CreateApiKeyInput;
}

export interface MutationRevokeApiKeyArgs {
  readonly id: string;
}

export interface MutationCreateMailboxArgs {
  readonly input: CreateMailboxInput;
}

export interface MutationRenameMailboxArgs {
  readonly input: RenameMailboxInput;
}

export interface MutationDeleteMailboxArgs {
  readonly mailboxId: string;
}

export interface MutationSetMailboxSubscribedArgs {
  readonly mailboxId: string;
  readonly subscribed: boolean;
}

export interface MutationUpdateMessagesArgs {
  readonly input: UpdateMessagesInput;
}

export interface MutationMoveMessagesArgs {
  readonly input: MoveMessagesInput;
}

export interface MutationCopyMessagesArgs {
  readonly input: MoveMessagesInput;
}

export interface MutationDeleteMessagesArgs {
  readonly input: DeleteMessagesInput;
}

export interface MutationImportMessageArgs {
  readonly input: ImportMessageInput;
}

export interface Node {
  readonly id: string;
}

export interface OAuth2Input {
  readonly accessToken?: string | null;
  readonly refreshToken?: string | null;
  readonly tokenUrl?: string | null;
  readonly clientId?: string | null;
  readonly clientSecret?: string | null;
  readonly scope?: string | null;
}

export interface PageInfo {
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  readonly startCursor?: string | null;
  readonly endCursor?: string | null;
}

export type Pop3AfterDownload = 'DELETE' | 'KEEP' | 'DELETE_AFTER_DAYS';

export interface Pop3Origin {
  readonly uidl?: string | null;
  readonly downloadedAt?: Date | null;
  readonly onServer: boolean;
  readonly deleteFromServerAt?: Date | null;
}

export interface Pop3Policy {
  readonly afterDownload: Pop3AfterDownload;
  readonly deleteAfterDays?: number | null;
  readonly deleteWhenExpunged: boolean;
  readonly pollIntervalSeconds: number;
  readonly maxMessageBytes?: number | null;
  readonly lastPollAt?: Date | null;
  readonly nextPollAt?: Date | null;
  readonly lastPoll?: Pop3PollResult | null;
  readonly possiblePolicies?: readonly Pop3AfterDownload[] | null;
  readonly warnings: readonly Pop3Warning[];
}

export interface Pop3PollResult {
  readonly downloaded: number;
  readonly alreadyStored: number;
  readonly deletedOnServer: number;
  readonly skipped: number;
  readonly skippedMessages: readonly Pop3SkippedMessage[];
  readonly bytes: number;
  readonly durationMs: number;
}

export interface Pop3SettingsInput {
  readonly host: string;
  readonly port?: number | null;
  readonly security: ConnectionSecurity;
  readonly username: string;
  readonly credentials: CredentialsInput;
  readonly afterDownload: Pop3AfterDownload;
  readonly deleteAfterDays?: number | null;
  readonly deleteWhenExpunged: boolean;
  readonly pollIntervalSeconds: number;
  readonly maxMessageBytes?: number | null;
}

export interface Pop3SettingsPatch {
  readonly host?: string | null;
  readonly port?: number | null;
  readonly security?: ConnectionSecurity | null;
  readonly username?: string | null;
  readonly credentials?: CredentialsInput | null;
  readonly afterDownload?: Pop3AfterDownload | null;
  readonly deleteAfterDays?: number | null;
  readonly deleteWhenExpunged?: boolean | null;
  readonly pollIntervalSeconds?: number | null;
  readonly maxMessageBytes?: number | null;
}

export type Pop3SkipReason = 'TOO_LARGE' | 'RESTING' | 'REFUSED';

export interface Pop3SkippedMessage {
  readonly number: number;
  readonly uidl?: string | null;
  readonly sizeBytes?: number | null;
  readonly reason: Pop3SkipReason;
}

export interface Pop3Warning {
  readonly code: Pop3WarningCode;
  readonly message: string;
}

export type Pop3WarningCode = 'EXPIRES_BEFORE_POLICY' | 'NO_UIDL' | 'POLLED_LESS_OFTEN';

export type Protocol = 'IMAP' | 'POP3';

export interface QueryNodeArgs {
  readonly id: string;
}

export interface QueryNodesArgs {
  readonly ids: readonly string[];
}

export interface QueryAccountArgs {
  readonly id: string;
}

export interface QueryAccountsArgs {
  readonly first: number | null;
  readonly after?: string | null;
  readonly filter?: AccountFilter | null;
}

export interface QueryChangesArgs {
  readonly accountId: string;
  readonly since: string;
  readonly first: number | null;
}

export interface QueryMailboxArgs {
  readonly id: string;
}

export interface QueryMessagesArgs {
  readonly first?: number | null;
  readonly after?: string | null;
  readonly last?: number | null;
  readonly before?: string | null;
  readonly filter?: MessageFilter | null;
  readonly orderBy?: MessageOrder | null;
}

export interface QueryMessageArgs {
  readonly id: string;
}

export interface QueryThreadArgs {
  readonly id: string;
}

export interface Quota {
  readonly resource: string;
  readonly used: number;
  readonly limit: number;
}

export type RemoteContent = 'BLOCK' | 'ALLOW';

export interface RemoveAccountInput {
  readonly accountId: string;
  readonly deleteStoredMail: boolean;
}

export interface RemoveAccountPayload {
  readonly removedAccountId?: string | null;
  readonly errors: readonly UserError[];
}

export interface RenameMailboxInput {
  readonly mailboxId: string;
  readonly name?: string | null;
  readonly parentId?: string | null;
}

export interface ResumePoint {
  readonly accountId: string;
  readonly cursor: string;
}

export interface RevokeApiKeyPayload {
  readonly revokedId?: string | null;
  readonly errors: readonly UserError[];
}

export type Scope = 'ADMIN' | 'ACCOUNTS' | 'READ' | 'MODIFY' | 'SEND';

export interface ServerSettings {
  readonly host: string;
  readonly port: number;
  readonly security: ConnectionSecurity;
  readonly username: string;
  readonly authentication: AuthenticationMethod;
}

export type SortDirection = 'ASC' | 'DESC';

export type SpecialUse = 'INBOX' | 'DRAFTS' | 'SENT' | 'JUNK' | 'TRASH' | 'ARCHIVE' | 'ALL' | 'FLAGGED' | 'IMPORTANT';

export interface SubscriptionChangesArgs {
  readonly accountIds?: readonly string[] | null;
  readonly since?: readonly ResumePoint[] | null;
  readonly types?: readonly ChangeType[] | null;
}

export interface SubscriptionMessageAddedArgs {
  readonly accountIds?: readonly string[] | null;
  readonly mailboxIds?: readonly string[] | null;
  readonly filter?: MessageFilter | null;
}

export interface SubscriptionAccountStatusChangedArgs {
  readonly accountIds?: readonly string[] | null;
}

export interface SubscriptionSyncProgressArgs {
  readonly accountId: string;
}

export interface SyncAccountPayload {
  readonly account?: Account | null;
  readonly pop3?: Pop3PollResult | null;
  readonly errors: readonly UserError[];
}

export interface SyncStatus {
  readonly complete: boolean;
  readonly messagesTotal: number;
  readonly messagesSynced: number;
  readonly lastSyncAt?: Date | null;
}

export interface Thread {
  readonly id: string;
  readonly account: Account;
  readonly subject?: string | null;
  readonly participants: readonly Address[];
  readonly messageCount: number;
  readonly unseenCount: number;
  readonly lastMessageAt: Date;
  readonly messages: MessageConnection;
}

export interface ThreadMessagesArgs {
  readonly first: number | null;
  readonly after?: string | null;
}

export interface ThreadConnection {
  readonly edges: readonly ThreadEdge[];
  readonly nodes: readonly Thread[];
  readonly pageInfo: PageInfo;
}

export interface ThreadEdge {
  readonly cursor: string;
  readonly node: Thread;
}

export interface UpdateAccountInput {
  readonly accountId: string;
  readonly name?: string | null;
  readonly emailAddress?: string | null;
  readonly imap?: ImapSettingsPatch | null;
  readonly pop3?: Pop3SettingsPatch | null;
  readonly verify: boolean;
}

export interface UpdateMessagesInput {
  readonly ids: readonly string[];
  readonly seen?: boolean | null;
  readonly flagged?: boolean | null;
  readonly answered?: boolean | null;
  readonly draft?: boolean | null;
  readonly addKeywords?: readonly string[] | null;
  readonly removeKeywords?: readonly string[] | null;
}

export interface UserError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly field?: readonly string[] | null;
  readonly retryable: boolean;
}

export interface VerifyAccountPayload {
  readonly ok: boolean;
  readonly steps: readonly ConnectionStep[];
  readonly serverCapabilities: readonly string[];
  readonly mailboxes?: readonly string[] | null;
  readonly maildropMessages?: number | null;
  readonly possiblePolicies?: readonly Pop3AfterDownload[] | null;
  readonly errors: readonly UserError[];
}

export interface Viewer {
  readonly kind: ViewerKind;
  readonly scopes: readonly Scope[];
  readonly accountIds?: readonly string[] | null;
  readonly expiresAt?: Date | null;
}

export type ViewerKind = 'API_KEY' | 'SESSION_TOKEN';
