import { isList, textOf, type Token } from './imap.tokens.js';
import { UidSet } from './uid-set.js';

/** Messages that are gone (RFC 7162 section 3.2.10). */
export interface VanishedMessages {
  readonly uids: UidSet;
  /** In answer to a question about the past: such messages need never have been known. */
  readonly earlier: boolean;
}

/** @param attributes as imapflow parses the response @returns undefined where there is no set of UIDs in it */
export function readVanished(attributes: readonly Token[] = []): VanishedMessages | undefined {
  const [first] = attributes;
  const tags = isList(first) ? first : [];
  const set = textOf(tags.length > 0 ? attributes[1] : first);
  if (set === undefined) return undefined;
  return { uids: UidSet.parse(set), earlier: tags.some((tag) => textOf(tag)?.toUpperCase() === 'EARLIER') };
}
