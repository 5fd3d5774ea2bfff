/** A token of the protocol or a list of them, as imapflow sends and gives them. */
export type Token = { readonly type?: string; readonly value?: unknown } | null | undefined | readonly Token[];

export const isList = (token: Token): token is readonly Token[] => Array.isArray(token);

/** Text may come as a literal, which is octets. */
export function textOf(token: Token): string | undefined {
  if (!token || isList(token)) return undefined;
  const { value } = token;
  if (typeof value === 'string') return value;
  return Buffer.isBuffer(value) ? value.toString() : undefined;
}
