import type { Mailbox } from './mailbox.js';

/** The path above, or undefined at the top. A leading delimiter does not make a nameless parent. */
export function parentPath(path: string, delimiter: string | undefined): string | undefined {
  const at = delimiter ? path.lastIndexOf(delimiter) : -1;
  return at > 0 ? path.slice(0, at) : undefined;
}

/** Last component of the path. */
export function mailboxName({ path, delimiter }: Pick<Mailbox, 'path' | 'delimiter'>): string {
  const at = delimiter ? path.lastIndexOf(delimiter) : -1;
  return at >= 0 && delimiter ? path.slice(at + delimiter.length) : path;
}

export const childPath = (parent: string | undefined, delimiter: string | undefined, name: string): string =>
  parent === undefined ? name : `${parent}${delimiter ?? ''}${name}`;

/** True for the path itself and for everything under it. */
export const isAtOrBelow = (path: string, top: string, delimiter: string | undefined): boolean =>
  path === top || (!!delimiter && path.startsWith(top + delimiter));

/**
 * What stands before every mailbox's path but INBOX's: some servers keep all of them below it (`INBOX.Sent`), and refuse one made
 * beside it (RFC 2342 section 5). Empty elsewhere.
 */
export function namespacePrefix(mailboxes: readonly Pick<Mailbox, 'path' | 'delimiter'>[]): string {
  const others = mailboxes.filter(({ path }) => path !== 'INBOX');
  const delimiter = others[0]?.delimiter;
  const prefix = delimiter ? `INBOX${delimiter}` : '';
  return others.every(({ path }) => path.startsWith(prefix)) ? prefix : '';
}
