import { Inject, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { withDeadline } from '../common/linked-abort.js';
import { sleep } from '../common/sleep.js';
import { KEEPER_PROVIDER, type KeeperProvider } from '../mailbox/keeper-provider.port.js';
import type { Attention } from '../mailbox/keeper.port.js';
import type { MailboxFreshness } from '../mailbox/mailbox-freshness.port.js';
import { isMailError } from '../mailbox/mailbox.errors.js';
import type { AccountId, MailboxId } from '../mailbox/model/ids.js';
import type { Mailbox } from '../mailbox/model/mailbox.js';

/** What was compared with its server not longer ago is taken for true. Also how often one mailbox is compared because of this. */
const freshMs = 10_000;
/** Longer than between two questions of who watches, and how often it is written down that all is well. */
const watchedMs = 120_000;
const refreshDeadlineMs = 60_000;
/** One list may touch the mailboxes of many accounts; the others have their turn with the next. */
const maxTouched = 10;
const maxRefreshing = 200;

/** Compares mailboxes with their server because somebody looks at them, each at most once in a while. */
@Injectable()
export class MailboxRefresher implements MailboxFreshness, OnModuleDestroy {
  private readonly log = new Logger(MailboxRefresher.name);
  /** Being compared, or compared a moment ago. */
  private readonly recent = new Set<MailboxId>();
  private readonly ending = new AbortController();

  constructor(@Inject(KEEPER_PROVIDER) private readonly keepers: KeeperProvider) {}

  onModuleDestroy(): void {
    this.ending.abort();
  }

  async touch(mailboxes: readonly Mailbox[], wellAt: (accountId: AccountId) => Date | undefined) {
    // What has never been read is being read already, and says so itself.
    const aged = mailboxes.filter((one) => one.selectable && one.sync.complete && ageMs(one.sync.lastSyncAt) > freshMs);
    const touched = aged.slice(0, maxTouched);
    const old = await Promise.all(touched.map((mailbox) => this.touchOne(mailbox, wellAt(mailbox.accountId))));
    return touched.filter((_, i) => old[i]);
  }

  /** @returns whether it may be old */
  private async touchOne({ id, accountId, path, specialUse }: Mailbox, wellAt: Date | undefined): Promise<boolean> {
    try {
      const keeper = await this.keepers.keeperOf(accountId);
      if (keeper.storage !== 'SERVER') return false;
      const attention = keeper.attentionTo(path) ?? attentionElsewhere(specialUse, wellAt);
      if (performance.now() - attention.knownAtMs <= freshMs) return false;
      this.refreshSoon(id);
      return !attention.told;
    } catch (error) {
      if (!isMailError(error)) throw error;
      return false;
    }
  }

  private refreshSoon(id: MailboxId): void {
    if (this.recent.has(id) || this.recent.size >= maxRefreshing || this.ending.signal.aborted) return;
    this.recent.add(id);
    void this.refresh(id).finally(() => this.recent.delete(id));
  }

  private async refresh(id: MailboxId): Promise<void> {
    const { signal } = this.ending;
    try {
      await withDeadline(signal, refreshDeadlineMs, (both) => this.keepers.refreshMailbox(id, both));
    } catch (error) {
      if (!signal.aborted) this.log.warn({ mailboxId: id, reason: String(error) }, 'mailbox could not be refreshed');
    }
    await sleep(freshMs, signal);
  }
}

const ageMs = (since: Date | undefined): number => (since ? Date.now() - since.getTime() : Infinity);

/** Another instance watches the account if it was well a moment ago, INBOX closest of all. */
function attentionElsewhere(specialUse: Mailbox['specialUse'], wellAt: Date | undefined): Attention {
  const told = ageMs(wellAt) < watchedMs;
  return { knownAtMs: performance.now() - (told && specialUse === 'INBOX' ? 0 : ageMs(wellAt)), told };
}
