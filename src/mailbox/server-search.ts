import type { MirrorStore } from '../store/mirror.port.js';
import type { AccountFailure } from './completeness.js';
import type { KeeperProvider } from './keeper-provider.port.js';
import { asMailError } from './message-commands.js';
import type { AccountId } from './model/ids.js';
import type { Mailbox } from './model/mailbox.js';
import type { HeaderCondition, MessageFilter, ServerSearchHit } from './model/search.js';

export interface ResolvedFilter {
  readonly filter: MessageFilter;
  /** Accounts that could not be searched: their messages do not match, and the caller is told. */
  readonly failures: readonly AccountFailure[];
}

const searchDeadlineMs = 20_000;

/**
 * The mirror holds no whole headers of messages that live on a server. Conditions on them are put to each server's own SEARCH
 * first; the list itself is then read from the mirror like every other.
 */
export async function resolveServerConditions(
  filter: MessageFilter,
  accountIds: readonly AccountId[],
  mirror: MirrorStore,
  keepers: KeeperProvider,
): Promise<ResolvedFilter> {
  if (!mentionsHeader(filter)) return { filter, failures: [] };
  const mailboxes = inScope(await mirror.mailboxesOf(accountIds), filter);
  const failures = new Map<AccountId, AccountFailure>();
  const search = async (condition: HeaderCondition): Promise<readonly ServerSearchHit[]> => {
    const perAccount = accountIds.map(async (accountId) => {
      try {
        return await searchAccount(accountId, mailboxes, condition, keepers);
      } catch (error) {
        failures.set(accountId, { accountId, error: asMailError(error) });
        return [];
      }
    });
    return (await Promise.all(perAccount)).flat();
  };
  return { filter: await withHits(filter, search), failures: [...failures.values()] };
}

const children = (filter: MessageFilter): readonly MessageFilter[] => [
  ...(filter.and ?? []),
  ...(filter.or ?? []),
  ...(filter.not ? [filter.not] : []),
];

const mentionsHeader = (filter: MessageFilter): boolean =>
  filter.header !== undefined || children(filter).some(mentionsHeader);

/** Selectable ones that may hold matches. Only the outermost conditions narrow where to look; the mirror checks them all again. */
export const inScope = (mailboxes: readonly Mailbox[], { mailboxIds, specialUse }: MessageFilter): readonly Mailbox[] =>
  mailboxes.filter(
    (mailbox) =>
      mailbox.selectable &&
      (mailboxIds?.includes(mailbox.id) ?? true) &&
      (specialUse === undefined || (mailbox.specialUse !== undefined && specialUse.includes(mailbox.specialUse))),
  );

async function searchAccount(
  accountId: AccountId,
  mailboxes: readonly Mailbox[],
  condition: HeaderCondition,
  keepers: KeeperProvider,
): Promise<readonly ServerSearchHit[]> {
  const keeper = await keepers.keeperOf(accountId);
  if (keeper.storage === 'GATEWAY') return [];
  const signal = AbortSignal.timeout(searchDeadlineMs);
  const hits: ServerSearchHit[] = [];
  for (const mailbox of mailboxes.filter((candidate) => candidate.accountId === accountId)) {
    hits.push({ mailboxId: mailbox.id, uids: await keeper.searchHeader(mailbox, condition, signal) });
  }
  return hits;
}

async function withHits(
  filter: MessageFilter,
  search: (condition: HeaderCondition) => Promise<readonly ServerSearchHit[]>,
): Promise<MessageFilter> {
  const each = (filters: readonly MessageFilter[]): Promise<MessageFilter[]> =>
    Promise.all(filters.map((child) => withHits(child, search)));
  return {
    ...filter,
    ...(filter.header && { found: await search(filter.header) }),
    ...(filter.and && { and: await each(filter.and) }),
    ...(filter.or && { or: await each(filter.or) }),
    ...(filter.not && { not: await withHits(filter.not, search) }),
  };
}
