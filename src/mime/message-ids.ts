import { singleLine } from './clean-text.js';
import { MAX_MESSAGE_ID_CHARS, MAX_MESSAGE_IDS } from './mime.limits.js';

/**
 * Message ids of a Message-ID, In-Reply-To or References field (RFC 5322 section 3.6.4), without angle brackets, each once.
 * In-Reply-To may hold a phrase (section 4.5.4), which is left out. Of a long list the first and the last ones are kept:
 * the start of the thread and the nearest parents.
 */
export function parseMessageIds(value: string): string[] {
  if (value === '') return [];
  if (isPlainId.test(value)) return [value.slice(1, -1)];
  const ids = new Set<string>();
  for (const [, id = ''] of value.matchAll(/<([^<>]{1,2000})>/g)) add(ids, id);
  // Some programs leave the brackets out.
  if (ids.size === 0) for (const word of value.split(/[\s,<>]+/)) if (word.includes('@')) add(ids, word);
  const all = [...ids];
  if (all.length <= MAX_MESSAGE_IDS) return all;
  return [...all.slice(0, 1), ...all.slice(1 - MAX_MESSAGE_IDS)];
}

/** One id in printable ASCII, as most fields hold. */
const isPlainId = new RegExp(`^<[!-;=?-~]{1,${MAX_MESSAGE_ID_CHARS}}>$`);

function add(ids: Set<string>, raw: string): void {
  const id = singleLine(raw, raw.length).replaceAll(' ', '');
  if (id !== '' && id.length <= MAX_MESSAGE_ID_CHARS) ids.add(id);
}
