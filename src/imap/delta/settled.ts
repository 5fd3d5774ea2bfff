import type { SyncCheckpoint } from '../../mailbox/model/mailbox.js';

interface SettledMailbox {
  readonly uidValidity: bigint;
  readonly nextUid: number;
  /** Messages when mirror and server were the same. */
  readonly messages: number;
  readonly sweptAtMs: number;
}

/**
 * Remembers of each mailbox how many messages it had when the mirror was last equal to it. UIDs below `nextUid` can only go, never
 * come (RFC 9051 section 2.3.1.1): if the number is still the same plus what is new, nothing has gone, and no UIDs need be
 * compared. Lost with the process, which costs one comparison.
 */
export class SettledMailboxes {
  private readonly byPath = new Map<string, SettledMailbox>();

  find(path: string, checkpoint: SyncCheckpoint): SettledMailbox | undefined {
    const settled = this.byPath.get(path);
    const same = settled?.uidValidity === checkpoint.uidValidity && settled.nextUid === checkpoint.nextUid;
    return same ? settled : undefined;
  }

  /** @param swept all flags were read just now */
  remember(path: string, { uidValidity, nextUid }: SyncCheckpoint, messages: number, swept: boolean): void {
    const sweptAtMs = swept ? performance.now() : (this.byPath.get(path)?.sweptAtMs ?? 0);
    this.byPath.set(path, { uidValidity, nextUid, messages, sweptAtMs });
  }

  forget(path: string): void {
    this.byPath.delete(path);
  }
}
