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
