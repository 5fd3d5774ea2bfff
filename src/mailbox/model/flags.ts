import type { FlagChange, Flags } from './message.js';

const SYSTEM = ['seen', 'flagged', 'answered', 'draft'] as const;

/** Flags after a change. Keywords are compared without case (RFC 9051 section 2.3.2) and keep the spelling that was there first. */
export function applyFlagChange(flags: Flags, change: FlagChange): Flags {
  const removed = new Set(change.removeKeywords?.map(lower));
  const keywords = new Map(flags.keywords.filter((k) => !removed.has(lower(k))).map((k) => [lower(k), k]));
  for (const keyword of change.addKeywords ?? []) {
    if (!keywords.has(lower(keyword))) keywords.set(lower(keyword), keyword);
  }
  const system = Object.fromEntries(SYSTEM.map((flag) => [flag, change[flag] ?? flags[flag]]));
  return { ...flags, ...system, keywords: [...keywords.values()].sort() };
}

export function sameFlags(a: Flags, b: Flags): boolean {
  return (
    SYSTEM.every((flag) => a[flag] === b[flag]) &&
    a.keywords.length === b.keywords.length &&
    a.keywords.every((keyword, i) => keyword === b.keywords[i])
  );
}

const lower = (keyword: string): string => keyword.toLowerCase();
