/** Leave to hold one connection for commands. */
export interface ConnectionShare {
  /** Told when another instance needs it: the connection is to be closed as soon as nothing runs on it. */
  onWanted(listener: () => void): void;
  /** When the connection is gone, or was never made. Idempotent. */
  release(): void;
}

/** The connections for commands that all instances of the gateway may have for one account together. */
export interface ConnectionShares {
  /**
   * @param patient waits until another instance gives one up; else undefined says that none is left
   * @throws MailError RATE_LIMITED when that takes too long; else what `signal` says
   */
  take(patient: boolean, signal: AbortSignal): Promise<ConnectionShare | undefined>;
}
