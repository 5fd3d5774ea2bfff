import type { ImapFlow } from 'imapflow';
import type { Token } from './imap.tokens.js';
import type { readVanished } from './imap.vanished.js';

export type UntaggedHandlers = Record<string, (untagged: { readonly attributes?: readonly Token[] }) => Promise<void>>;

/** A response with its literals, as it came. */
export interface ServerResponse {
  readonly payload: Buffer;
  readonly literals: readonly Buffer[];
}

/** What imapflow 2.10.2 keeps private, all of it that is used here. Another version is to be looked at before it is taken. */
interface ImapFlowInternals {
  /** Mailboxes it has listed. Without an entry each first SELECT costs a LIST and an LSUB. */
  readonly folders: Map<string, { readonly path: string }>;
  /** For commands it does not know; the answer is to be let go of by `next`. */
  exec(
    command: string,
    attributes: readonly Token[],
    options?: { readonly untagged: UntaggedHandlers },
  ): Promise<{ readonly next: () => void }>;
  /** For answers that no command under way asked for. */
  readonly untaggedHandlers: UntaggedHandlers;
  /** For response codes (RFC 9051 section 7.1). */
  readonly sectionHandlers: Record<string, () => Promise<void>>;
  untaggedVanished(untagged: { readonly attributes?: Parameters<typeof readVanished>[0] }): Promise<void>;
  /** The command under way. */
  readonly currentRequest: { readonly command: string } | false;
  /** Called for each response. @returns false to stop reading */
  handleResponse(response: ServerResponse): Promise<boolean>;
}

export const internalsOf = (flow: ImapFlow): ImapFlowInternals => flow as unknown as ImapFlowInternals;
