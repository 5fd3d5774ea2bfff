/** Ids as clients see them: a type prefix and the UUID's 32 hex digits, e.g. `msg_0193…`. */
export const ID_PREFIXES = { account: 'acc', mailbox: 'mbx', message: 'msg', thread: 'thr', apiKey: 'key' } as const;
export type IdKind = keyof typeof ID_PREFIXES;

const KINDS = new Map<string, IdKind>(Object.entries(ID_PREFIXES).map(([kind, prefix]) => [prefix, kind as IdKind]));
const PATTERN = /^([a-z]{3})_([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/;

export const toPublicId = (kind: IdKind, uuid: string): string => `${ID_PREFIXES[kind]}_${uuid.replaceAll('-', '')}`;

/** @returns kind and UUID, or undefined where the text is no id of ours */
export function parsePublicId(text: string): { kind: IdKind; uuid: string } | undefined {
  const match = PATTERN.exec(text);
  const kind = match && KINDS.get(match[1]!);
  if (!match || !kind) return undefined;
  return { kind, uuid: match.slice(2, 7).join('-') };
}
