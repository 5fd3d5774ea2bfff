import { UidSet } from './uid-set.js';

interface Token {
  readonly value?: unknown;
}

/** Messages that are gone (RFC 7162 section 3.2.10). */
export interface VanishedMessages {
  readonly uids: UidSet;
  /** In answer to a question about the past: such messages need never have been known. */
  readonly earlier: boolean;
}

/** @param attributes as imapflow parses the response @returns undefined where there is no set of UIDs in it */
export function readVanished(attributes: readonly (Token | readonly Token[])[] = []): VanishedMessages | undefined {
  const [first] = attributes;
  const tags = Array.isArray(first) ? (first as readonly Token[]) : [];
  const set = (tags.length > 0 ? attributes[1] : first) as Token | undefined;
  if (typeof set?.value !== 'string') return undefined;
  const earlier = tags.some(({ value }) => typeof value === 'string' && value.toUpperCase() === 'EARLIER');
  return { uids: UidSet.parse(set.value), earlier };
}
