/** What one visit to a maildrop did. */
export interface PollResult {
  readonly downloaded: number;
  readonly alreadyStored: number;
  readonly deletedOnServer: number;
  /** Too large, or not to be had: left on the server. */
  readonly skipped: number;
  /** The first hundred of those, in the server's order. */
  readonly skippedMessages: readonly SkippedMessage[];
  /** Octets received. */
  readonly bytes: number;
  readonly durationMs: number;
  /** The server names its messages (UIDL, RFC 1939 section 7); without that, not every policy can be carried out. */
  readonly hasUidl: boolean;
  readonly warnings: readonly PollWarning[];
  /** How long the server wants to be left alone between visits, where it says so (LOGIN-DELAY, RFC 2449 section 6.5). */
  readonly pauseSeconds?: number;
}

/**
 * - `TOO_LARGE`: above the account's limit
 * - `RESTING`: sessions broke over it, so that it is left alone for a while
 * - `REFUSED`: the server did not hand it over
 */
export type SkipReason = 'TOO_LARGE' | 'RESTING' | 'REFUSED';

export interface SkippedMessage {
  /** In that visit's listing; the next one counts anew. */
  readonly number: number;
  /** One line of printable text; absent where the server has none. */
  readonly uidl?: string;
  /** As the server lists it. */
  readonly sizeBytes?: number;
  readonly reason: SkipReason;
}

/**
 * - `EXPIRES_BEFORE_POLICY`: the server removes messages earlier than the policy wants them removed (EXPIRE, RFC 2449 section 6.7)
 * - `NO_UIDL`: messages can be told apart only by fetching all of them at each visit
 * - `POLLED_LESS_OFTEN`: the server wants longer pauses than the poll interval
 */
export type PollWarningCode = 'EXPIRES_BEFORE_POLICY' | 'NO_UIDL' | 'POLLED_LESS_OFTEN';

/** What a person should know about the account and its server. */
export interface PollWarning {
  readonly code: PollWarningCode;
  readonly message: string;
}
