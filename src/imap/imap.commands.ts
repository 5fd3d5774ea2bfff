import type { AppendRequest, ConfirmedFlags, Outcome } from '../mailbox/keeper.port.js';
import { isMailError } from '../mailbox/mailbox.errors.js';
import { uid, uidValidity } from '../mailbox/model/ids.js';
import type { Mailbox } from '../mailbox/model/mailbox.js';
import type { FlagChange, Flags, Message, RemoteRef } from '../mailbox/model/message.js';
import type { CopiedUids, ImapConnection } from './imap.connection.js';
import type { SelectedMailbox } from './imap.selection.js';
import { rejected, unsupported } from './imap.errors.js';
import { flagItems, toLabel, toRemoteFlags } from './imap.mapping.js';
import type { ImapSessionPool, SessionLease } from './imap.session-pool.js';
import { fail, gone, lines, place, succeed, type PlacedMessage } from './remote-messages.js';
import { UidSet } from './uid-set.js';

type Work<T> = (lease: SessionLease, placed: readonly PlacedMessage[]) => Promise<readonly Outcome<T>[]>;

/** Commands on messages, done on the server; what each answers is what the server confirmed. */
export class ImapMessageCommands {
  constructor(private readonly pool: ImapSessionPool) {}

  setFlags(
    mailbox: Mailbox,
    messages: readonly Message[],
    change: FlagChange,
    signal: AbortSignal,
  ): Promise<readonly Outcome<ConfirmedFlags>[]> {
    return this.onServer(mailbox, messages, signal, ({ connection, mailbox: selected }, placed) => {
      const { add, remove, addLabels, removeLabels } = toNames(change, connection.has('X-GM-EXT-1'));
      refuseReadOnly(selected);
      refuseForbidden(selected, [...add, ...remove]);
      return perLine(placed, async (uids, named) => {
        if (add.length > 0) await connection.store(uids, 'add', add, signal);
        if (remove.length > 0) await connection.store(uids, 'remove', remove, signal);
        if (addLabels.length > 0) await connection.store(uids, 'add', addLabels, signal, true);
        if (removeLabels.length > 0) await connection.store(uids, 'remove', removeLabels, signal, true);
        const flags = await readFlags(connection, uids, signal);
        return named.map((one) => {
          const confirmed = flags.get(one.uid);
          return confirmed ? succeed(one, confirmed) : gone(one);
        });
      });
    });
  }

  move(
    from: Mailbox,
    messages: readonly Message[],
    to: Mailbox,
    signal: AbortSignal,
  ): Promise<readonly Outcome<RemoteRef | undefined>[]> {
    return this.onServer(from, messages, signal, async ({ connection, mailbox }, placed) => {
      refuseReadOnly(mailbox);
      if (connection.has('MOVE')) {
        return transfer(connection, placed, signal, (uids) => connection.move(uids, to.path, signal));
      }
      await refuseForeignDeletions(connection, placed, signal);
      return transfer(connection, placed, signal, async (uids) => {
        const copied = await connection.copy(uids, to.path, signal);
        await connection.expunge(uids, signal);
        return copied;
      });
    });
  }

  copy(
    from: Mailbox,
    messages: readonly Message[],
    to: Mailbox,
    signal: AbortSignal,
  ): Promise<readonly Outcome<RemoteRef | undefined>[]> {
    return this.onServer(from, messages, signal, ({ connection }, placed) =>
      transfer(connection, placed, signal, (uids) => connection.copy(uids, to.path, signal)),
    );
  }

  expunge(from: Mailbox, messages: readonly Message[], signal: AbortSignal): Promise<readonly Outcome<void>[]> {
    return this.onServer(from, messages, signal, async ({ connection, mailbox }, placed) => {
      refuseReadOnly(mailbox);
      await refuseForeignDeletions(connection, placed, signal);
      return perLine(placed, async (uids, named) => {
        await connection.expunge(uids, signal);
        return named.map((one) => succeed(one, undefined));
      });
    });
  }

  append(to: Mailbox, request: AppendRequest, signal: AbortSignal): Promise<RemoteRef | undefined> {
    return this.pool.use(signal, async (connection) => {
      const { octets, internalDate } = request;
      const appended = await connection.append(
        to.path,
        { octets, flags: flagNames(request.flags), internalDate },
        signal,
      );
      if (appended.uid === undefined || appended.uidValidity === undefined) return undefined;
      return { uid: uid(appended.uid), uidValidity: uidValidity(appended.uidValidity) };
    });
  }

  private async onServer<T>(
    mailbox: Mailbox,
    messages: readonly Message[],
    signal: AbortSignal,
    work: Work<T>,
  ): Promise<readonly Outcome<T>[]> {
    const lease = await this.pool.lease(mailbox.path, signal);
    try {
      // A session knows only of messages it was told of, and commands pass over others in silence.
      if (lease.warm) await lease.connection.noop(signal);
      const { placed, failed } = place(messages, lease.mailbox.uidValidity);
      return placed.length === 0 ? failed : [...failed, ...(await work(lease, placed))];
    } finally {
      lease.release();
    }
  }
}

/** Line by line: what the server refuses of one does not undo the others; the first refusal of all is thrown. */
async function perLine<T>(
  placed: readonly PlacedMessage[],
  work: (uids: string, named: readonly PlacedMessage[]) => Promise<readonly Outcome<T>[]>,
): Promise<readonly Outcome<T>[]> {
  const outcomes: Outcome<T>[] = [];
  for (const { uids, messages } of lines(placed)) {
    try {
      outcomes.push(...(await work(uids, messages)));
    } catch (error) {
      if (!isMailError(error)) throw error;
      outcomes.push(...messages.map((one) => fail(one, error)));
    }
  }
  return outcomes;
}

/** COPYUID (RFC 4315 section 3) names the messages that were there; without UIDPLUS they are looked for first. */
function transfer(
  connection: ImapConnection,
  placed: readonly PlacedMessage[],
  signal: AbortSignal,
  work: (uids: string) => Promise<CopiedUids>,
): Promise<readonly Outcome<RemoteRef | undefined>[]> {
  return perLine(placed, async (uids, named) => {
    const tells = connection.has('UIDPLUS');
    const present = tells ? undefined : UidSet.parse(await connection.search({ uid: uids }, signal));
    const copied = await work(uids);
    return named.map((one) => {
      if (present) return present.has(one.uid) ? succeed(one, undefined) : gone(one);
      const target = copied.uidMap?.get(one.uid);
      if (target === undefined || copied.uidValidity === undefined) return gone(one);
      return succeed(one, { uid: uid(target), uidValidity: uidValidity(copied.uidValidity) });
    });
  });
}

/**
 * Without UIDPLUS (RFC 4315) only a bare EXPUNGE removes messages, and it removes everybody's that are marked `\Deleted`. So it is
 * used only where nobody else's are: another client could still mark one in the round trip between, which cannot be helped.
 * @throws MailError UNSUPPORTED, before anything was done
 */
async function refuseForeignDeletions(
  connection: ImapConnection,
  placed: readonly PlacedMessage[],
  signal: AbortSignal,
): Promise<void> {
  if (connection.has('UIDPLUS')) return;
  const marked = UidSet.parse(await connection.search({ deleted: true }, signal));
  const ours = placed.map(({ uid: one }) => one).sort((a, b) => a - b);
  if (marked.without(ours).size === 0) return;
  throw unsupported(
    'this mail server cannot remove single messages (no UIDPLUS), and others are marked as deleted in the mailbox: expunge those first',
  );
}

async function readFlags(
  connection: ImapConnection,
  uids: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<number, ConfirmedFlags>> {
  const found = new Map<number, ConfirmedFlags>();
  for await (const rows of connection.fetch(uids, flagItems, { toItem: toRemoteFlags, uid: true }, signal)) {
    for (const { uid: one, flags, modSeq } of rows) found.set(one, { flags, modSeq });
  }
  return found;
}

const systemNames = { seen: '\\Seen', flagged: '\\Flagged', answered: '\\Answered', draft: '\\Draft' } as const;
const systemKeys = ['seen', 'flagged', 'answered', 'draft'] as const;

interface ChangedNames {
  readonly add: readonly string[];
  readonly remove: readonly string[];
  readonly addLabels: readonly string[];
  readonly removeLabels: readonly string[];
}

/** On Gmail keywords are labels, as they were read; those of the registry (RFC 5788) are kept as every server does. */
function toNames(change: FlagChange, withLabels: boolean): ChangedNames {
  const { addKeywords = [], removeKeywords = [] } = change;
  const isLabel = (keyword: string): boolean =>
    withLabels && (!keyword.startsWith('$') || toLabel(keyword) !== keyword);
  const set = systemKeys.filter((key) => change[key] === true).map((key) => systemNames[key]);
  const cleared = systemKeys.filter((key) => change[key] === false).map((key) => systemNames[key]);
  return {
    add: [...set, ...addKeywords.filter((keyword) => !isLabel(keyword))],
    remove: [...cleared, ...removeKeywords],
    addLabels: addKeywords.filter(isLabel).map(toLabel),
    removeLabels: removeKeywords.filter(isLabel).map(toLabel),
  };
}

const flagNames = (flags: Flags): string[] => [
  ...systemKeys.filter((key) => flags[key]).map((key) => systemNames[key]),
  ...flags.keywords,
];

/** RFC 9051 section 7.1 PERMANENTFLAGS: what is not in it would be gone with the session, or refused in silence. */
function refuseForbidden({ permanentFlags }: SelectedMailbox, names: readonly string[]): void {
  if (!permanentFlags || permanentFlags.has('\\*')) return;
  const allowed = new Set([...permanentFlags].map((flag) => flag.toLowerCase()));
  const forbidden = names.filter((name) => !allowed.has(name.toLowerCase()));
  if (forbidden.length > 0) throw rejected(`the mail server does not keep these flags here: ${forbidden.join(' ')}`);
}

function refuseReadOnly({ readOnly }: SelectedMailbox): void {
  if (readOnly) throw rejected('the mail server allows no changes in this mailbox');
}
