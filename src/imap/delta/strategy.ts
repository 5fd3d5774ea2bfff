import type { SyncCheckpoint } from '../../mailbox/model/mailbox.js';
import type { ModSeq, UidValidity } from '../../mailbox/model/ids.js';

/**
 * How to find out what changed in what is known already.
 * - QRESYNC: the server tells changed flags and what vanished (RFC 7162 section 3.2)
 * - CONDSTORE: the server tells changed flags (section 3.1); what vanished shows in the numbers, or by comparing UIDs
 * - WINDOW: flags of the newest messages; the rest as with CONDSTORE
 * - ALL: flags of all messages, whose UIDs are compared with the known ones
 */
export type ChangeStrategy = 'QRESYNC' | 'CONDSTORE' | 'WINDOW' | 'ALL';

export interface StrategyInput {
  readonly qresync: boolean;
  readonly condstore: boolean;
  /** Of the mailbox as it is selected; absent where it keeps no mod-sequences. */
  readonly mailboxModSeq?: ModSeq;
  readonly checkpointModSeq?: ModSeq;
  readonly full: boolean;
  readonly exists: number;
  /** Messages whose flags are cheap to read every time. */
  readonly windowMessages: number;
  /** Without mod-sequences: all flags are due to be read again. */
  readonly sweepDue: boolean;
}

export function chooseStrategy(input: StrategyInput): ChangeStrategy {
  if (input.full) return 'ALL';
  // Mod-sequences begin to count when they were first asked for: what changed before that is not told.
  if (input.mailboxModSeq !== undefined && input.checkpointModSeq !== undefined) {
    if (input.qresync) return 'QRESYNC';
    if (input.condstore) return 'CONDSTORE';
  }
  const first = input.mailboxModSeq !== undefined;
  return first || input.sweepDue || input.exists <= input.windowMessages ? 'ALL' : 'WINDOW';
}

/** Where reading begins. */
export type Start = 'first' | 'reset' | 'delta';

export function chooseStart(checkpoint: SyncCheckpoint | undefined, current: UidValidity): Start {
  if (!checkpoint) return 'first';
  return checkpoint.uidValidity === current ? 'delta' : 'reset';
}
