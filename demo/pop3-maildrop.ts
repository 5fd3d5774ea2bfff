import { randomUUID } from 'node:crypto';

export interface MaildropMessage {
  /** Printable ASCII, at most 70 characters, never used again (RFC 1939 section 7). */
  readonly uidl: string;
  readonly octets: Buffer;
}

/** The messages of one user. Only one session at a time may hold it (RFC 1939 section 4). */
export class Maildrop {
  private messages: MaildropMessage[] = [];
  private held = false;

  /** Adds a message; a session that is open keeps the numbers it has and does not see it. */
  deliver(octets: Buffer): void {
    this.messages.push({ uidl: randomUUID(), octets });
  }

  /** Takes the lock and the messages as they are now; undefined while another session has it. */
  acquire(): readonly MaildropMessage[] | undefined {
    if (this.held) return undefined;
    this.held = true;
    return [...this.messages];
  }

  /** @param deleted what a session that reached the UPDATE state had marked */
  release(deleted: ReadonlySet<MaildropMessage>): void {
    this.messages = this.messages.filter((message) => !deleted.has(message));
    this.held = false;
  }
}
