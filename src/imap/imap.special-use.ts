import type { SpecialUse } from '../mailbox/model/mailbox.js';

/** RFC 6154 section 2, RFC 8457; `\Inbox` is imapflow's own. */
const BY_ATTRIBUTE: Readonly<Record<string, SpecialUse>> = {
  '\\inbox': 'INBOX',
  '\\drafts': 'DRAFTS',
  '\\sent': 'SENT',
  '\\archive': 'ARCHIVE',
  '\\junk': 'JUNK',
  '\\trash': 'TRASH',
  '\\all': 'ALL',
  '\\flagged': 'FLAGGED',
  '\\important': 'IMPORTANT',
};

interface ListedUse {
  /** As imapflow found it: by the server's attribute, else by a well-known name in one of many languages. */
  readonly specialUse?: string;
  readonly flags: ReadonlySet<string>;
}

/** What a mailbox is for. imapflow gives each use to one mailbox and knows nothing of \Important. */
export function toSpecialUse({ specialUse, flags }: ListedUse): SpecialUse | undefined {
  const use = specialUse === undefined ? undefined : BY_ATTRIBUTE[specialUse.toLowerCase()];
  return use ?? ([...flags].some((flag) => flag.toLowerCase() === '\\important') ? 'IMPORTANT' : undefined);
}
