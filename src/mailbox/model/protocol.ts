export type Protocol = 'IMAP' | 'POP3';

/** SERVER: the mail server keeps the messages and the gateway mirrors them. GATEWAY: our database keeps them. */
export type MailStorage = 'SERVER' | 'GATEWAY';

/** TLS from the first byte; STARTTLS/STLS before any credential, never a fallback; NONE only where policy allows. */
export type ConnectionSecurity = 'TLS' | 'STARTTLS' | 'NONE';

export interface AccountCapabilities {
  readonly manageMailboxes: boolean;
  /** New mail is pushed by the server; otherwise it is polled for. */
  readonly push: boolean;
  readonly keywords: boolean;
  readonly move: boolean;
  /** Other clients of the mailbox see what is done here, and the other way round. */
  readonly sharedState: boolean;
  /** As announced after sign-in. */
  readonly server: readonly string[];
}

export interface Quota {
  readonly resource: string;
  readonly used: number;
  readonly limit: number;
}
