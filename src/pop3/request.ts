import { listingGuard } from './pipeline.js';
import { timedOut } from './pop3.errors.js';
import type { Session } from './session.js';
import type { StatusReply } from './wire/response.js';

const NOTHING = Buffer.alloc(0);

interface CommandOptions {
  readonly alone: boolean;
  readonly deadlineMs?: number;
  readonly onChallenge?: () => Buffer;
}

/** Sends a command that is answered by one line. -ERR resolves; only the end of the session rejects. */
export function request(session: Session, line: Buffer, options: CommandOptions): Promise<StatusReply> {
  return new Promise((onStatus, onFailure) => {
    session.submit({ line, body: 'none', weightBytes: 0, ...options, onStatus, onFailure });
  });
}

/** As `request`, with nothing else under way, and challenges answered. */
export const exchange = (session: Session, line: Buffer, onChallenge?: () => Buffer): Promise<StatusReply> =>
  request(session, line, { alone: true, onChallenge });

/** The greeting: a reply before any command (RFC 1939 section 4). */
export const greeting = (session: Session): Promise<StatusReply> =>
  request(session, NOTHING, { alone: true, deadlineMs: session.timeouts.greetingMs });

export type ListingReply<T> =
  { readonly kind: 'ok'; readonly rows: readonly T[] } | { readonly kind: 'err'; readonly reply: StatusReply };

/** Sends a command that is answered by lines; each is parsed as it comes. */
export function listing<T>(
  session: Session,
  line: Buffer,
  parse: (line: Buffer) => T,
  maxLines: number,
): Promise<ListingReply<T>> {
  const timer = setTimeout(() => session.fail(timedOut('a listing')), session.timeouts.listingMs);
  return new Promise<ListingReply<T>>((resolve, onFailure) => {
    const guard = listingGuard(maxLines);
    const rows: T[] = [];
    session.submit({
      line,
      body: 'lines',
      alone: false,
      weightBytes: 0,
      onStatus: (reply) => {
        if (reply.kind === 'err') resolve({ kind: 'err', reply });
      },
      onLine: (row) => {
        guard(row);
        rows.push(parse(row));
      },
      onEnd: () => resolve({ kind: 'ok', rows }),
      onFailure,
    });
  }).finally(() => clearTimeout(timer));
}
