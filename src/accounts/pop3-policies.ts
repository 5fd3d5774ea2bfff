import { invalidInput } from '../mailbox/mailbox.errors.js';
import type { Pop3AfterDownload } from './account.js';

const ALL: readonly Pop3AfterDownload[] = ['DELETE', 'KEEP', 'DELETE_AFTER_DAYS'];
/** Messages that nobody names are told apart by fetching all of them at each visit: to wait for days would cost that for days. */
const WITHOUT_UIDL: readonly Pop3AfterDownload[] = ['DELETE', 'KEEP'];

/** @param hasUidl as the server has shown it; undefined before it was asked */
export function possiblePolicies(hasUidl: boolean | undefined): readonly Pop3AfterDownload[] | undefined {
  if (hasUidl === undefined) return undefined;
  return hasUidl ? ALL : WITHOUT_UIDL;
}

/** @throws MailError INVALID_INPUT where the server is known not to allow it */
export function checkPolicy(afterDownload: Pop3AfterDownload, hasUidl: boolean | undefined): void {
  const possible = possiblePolicies(hasUidl);
  if (!possible || possible.includes(afterDownload)) return;
  throw invalidInput(
    ['input', 'pop3', 'afterDownload'],
    `the mail server has no UIDL: ${afterDownload} is not possible with it, only ${possible.join(' and ')}`,
  );
}
