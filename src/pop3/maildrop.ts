import type { Uidl } from './listing.js';
import type { Pop3Client } from './pop3.client.js';

export interface MaildropEntry {
  /** For this session only; the next one counts anew. */
  readonly number: number;
  readonly sizeBytes?: number;
  /** Absent: the server has no UIDL, left this message out, or gave it an id that is none. */
  readonly uidl?: Uidl;
}

export interface Maildrop {
  /** Every message LIST names, by number. */
  readonly entries: readonly MaildropEntry[];
  readonly hasUidl: boolean;
}

/** STAT, LIST and UIDL in one round trip where the server can. STAT first: it refuses a maildrop that is too large. */
export async function fetchMaildrop(client: Pop3Client): Promise<Maildrop> {
  const [, sizes, uidls] = await Promise.all([client.stat(), client.list(), client.uidl()]);
  const entries = [...sizes].map(([number, sizeBytes]) => ({ number, sizeBytes, uidl: uidls?.get(number) }));
  return { entries: entries.sort((a, b) => a.number - b.number), hasUidl: uidls !== undefined };
}
