import type { AccountConnection } from '../mailbox/connection.port.js';
import type { Pop3Capabilities } from './capabilities.js';
import { openSession, type ConnectOptions } from './connect.js';
import { parseListRow, parseSize, parseUidlRow, type Listed, type Uidl } from './listing.js';
import { limitExceeded, protocolViolation, rejected, Pop3Error } from './pop3.errors.js';
import { POP3_LIMITS } from './pop3.limits.js';
import { exchange, listing, request } from './request.js';
import { Retrieval, weighRetr, weighTop, type Retrieved, type RetrieveRequest } from './retrieval.js';
import type { Session } from './session.js';
import { encodeCommand, encodeMessageCommand } from './wire/command.js';
import type { StatusReply } from './wire/response.js';

export interface MaildropStatus {
  readonly messages: number;
  /** Sum of sizes; undefined where the server's number is not to be believed. */
  readonly octets?: number;
}

export interface DeleteOutcome {
  readonly number: number;
  /** Undefined: marked, and gone if QUIT succeeds (RFC 1939 section 6). */
  readonly error?: Pop3Error;
}

/**
 * A signed-in POP3 session (RFC 1939). Calls may be made without waiting for the one before: they are pipelined where the server
 * can do it and sent one by one where not. After any failure but -ERR the session is poisoned: its socket is destroyed, every
 * pending and later call throws that same Pop3Error, and nothing more is sent. Aborting the signal of `connect` does the same.
 */
export class Pop3Client {
  private constructor(
    private readonly session: Session,
    /** After sign-in; undefined: the server has no CAPA, so that only trying tells. */
    readonly capabilities: Pop3Capabilities | undefined,
  ) {}

  /**
   * Dials, secures, signs in.
   * @throws Pop3Error HOST_FORBIDDEN, CONNECTION_FAILED, TLS_FAILED, TIMEOUT, AUTHENTICATION_FAILED, MAILDROP_LOCKED, RATE_LIMITED,
   *   SERVER_REJECTED, UNSUPPORTED, or MailError INVALID_INPUT (CR, LF, NUL in the credentials) before those are sent
   */
  static async connect(connection: AccountConnection, options: ConnectOptions): Promise<Pop3Client> {
    const { session, capabilities } = await openSession(connection, options);
    return new Pop3Client(session, capabilities);
  }

  /** Why the session ended; undefined while it lives. */
  get failure(): Pop3Error | undefined {
    return this.session.failure;
  }

  /** Several replies were due when it failed: try the next session with `pipelining: false`. */
  get failedWhilePipelining(): boolean {
    return this.session.failedWhilePipelining;
  }

  async stat(): Promise<MaildropStatus> {
    const reply = await this.command(encodeCommand('STAT'));
    const [, messages, octets] = /^(\d+)[ \t]+(\S+)/.exec(reply.text) ?? [];
    if (messages === undefined) throw this.poison(protocolViolation('a STAT without numbers'));
    if (Number(messages) > POP3_LIMITS.maildropMessages) {
      throw this.poison(limitExceeded(`a maildrop above ${POP3_LIMITS.maildropMessages} messages`));
    }
    return { messages: Number(messages), octets: parseSize(octets) };
  }

  /** Sizes in octets by message number. They are hints: servers count before or after they change line ends. */
  async list(): Promise<ReadonlyMap<number, number | undefined>> {
    const reply = await listing(this.session, encodeCommand('LIST'), parseListRow, POP3_LIMITS.maildropMessages);
    if (reply.kind === 'err') throw rejected(reply.reply, 'command');
    return this.byNumber(reply.rows);
  }

  /**
   * Unique-ids by message number; value undefined for a row without a usable one.
   * Asked for even where CAPA does not list it: some servers have it all the same.
   * @returns undefined when the server has no UIDL
   * @throws Pop3Error SERVER_REJECTED, retryable, when CAPA lists UIDL and it is refused
   */
  async uidl(): Promise<ReadonlyMap<number, Uidl | undefined> | undefined> {
    const reply = await listing(this.session, encodeCommand('UIDL'), parseUidlRow, POP3_LIMITS.maildropMessages);
    if (reply.kind === 'ok') return this.byNumber(reply.rows);
    if (reply.reply.code !== undefined) throw rejected(reply.reply, 'command');
    if (!this.capabilities?.uidl) return undefined;
    throw new Pop3Error('rejected', 'SERVER_REJECTED', 'the mail server announces UIDL and refuses it', {
      reply: reply.reply,
      retryable: true,
    });
  }

  /**
   * RETR for each, as the caller iterates: pipelined, in order, octets exact after dot-unstuffing. Leaving the loop early, also
   * by throwing, destroys the session.
   * @param maxMessageBytes above it the session is poisoned: whoever sends so much cannot be told to stop
   */
  retrieve<R extends RetrieveRequest>(
    requests: Iterable<R>,
    { maxMessageBytes }: { readonly maxMessageBytes: number },
  ): AsyncIterableIterator<Retrieved<R>> {
    const encode = ({ number }: R): Buffer => encodeMessageCommand('RETR', number);
    return new Retrieval(this.session, { requests, encode, weigh: weighRetr, maxMessageBytes });
  }

  /** TOP for each, as `retrieve`: header, empty line, and the first `lines` lines of the body. Optional (RFC 1939 section 7). */
  top<R extends RetrieveRequest>(
    requests: Iterable<R>,
    { lines, maxMessageBytes }: { readonly lines: number; readonly maxMessageBytes: number },
  ): AsyncIterableIterator<Retrieved<R>> {
    const encode = ({ number }: R): Buffer => encodeMessageCommand('TOP', number, lines);
    return new Retrieval(this.session, { requests, encode, weigh: () => weighTop(lines), maxMessageBytes });
  }

  /** DELE for each, pipelined; each succeeds or fails by itself. Nothing is gone before QUIT. */
  delete(numbers: readonly number[]): Promise<readonly DeleteOutcome[]> {
    return Promise.all(
      numbers.map(async (number) => {
        const reply = await request(this.session, encodeMessageCommand('DELE', number), { alone: false });
        return reply.kind === 'ok' ? { number } : { number, error: rejected(reply, 'command') };
      }),
    );
  }

  /** Keeps the server from hanging up during work of our own. */
  async noop(): Promise<void> {
    await this.command(encodeCommand('NOOP'));
  }

  /**
   * Commits the deletions, after every reply before it. Only when this resolves were they accepted.
   * @throws Pop3Error `rejected` (-ERR: some were not removed), or any other: unknown, the next listing tells
   */
  async quit(): Promise<void> {
    try {
      const reply = await exchange(this.session, encodeCommand('QUIT'));
      if (reply.kind === 'err') throw rejected(reply, 'command');
    } finally {
      this.session.close();
    }
  }

  /** Ends the session without QUIT: the server forgets its deletions. Idempotent. */
  destroy(): void {
    this.session.close();
  }

  private async command(line: Buffer): Promise<StatusReply> {
    const reply = await request(this.session, line, { alone: false });
    if (reply.kind === 'err') throw rejected(reply, 'command');
    return reply;
  }

  private byNumber<T>(rows: readonly Listed<T>[]): ReadonlyMap<number, T | undefined> {
    const map = new Map(rows.map(({ number, value }) => [number, value]));
    if (map.size !== rows.length) throw this.poison(protocolViolation('a listing that names a message twice'));
    return map;
  }

  private poison(error: Pop3Error): Pop3Error {
    this.session.fail(error);
    return error;
  }
}
