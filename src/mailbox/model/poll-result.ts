/** What one visit to a maildrop did. */
export interface PollResult {
  readonly downloaded: number;
  readonly alreadyStored: number;
  readonly deletedOnServer: number;
  /** Too large, or not to be had: left on the server. */
  readonly skipped: number;
  /** Octets received. */
  readonly bytes: number;
  readonly durationMs: number;
}
