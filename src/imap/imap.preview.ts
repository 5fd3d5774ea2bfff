import { isList, textOf, type Token } from './imap.tokens.js';

export interface ToldPreview {
  readonly uid: number;
  /** Absent where the server has none (NIL). */
  readonly text?: string;
}

/** FETCH PREVIEW (RFC 8970 section 3): one line of a command for a whole window, and no body is read. */
export const previewArguments = (uids: string): readonly Token[] => [
  { type: 'SEQUENCE', value: uids },
  [
    { type: 'ATOM', value: 'UID' },
    { type: 'ATOM', value: 'PREVIEW' },
  ],
];

/** @returns undefined for a row that tells of no preview, but of something else */
export function readPreview(attributes: readonly Token[] | undefined): ToldPreview | undefined {
  const items = attributes?.[1];
  if (!isList(items)) return undefined;
  let uid = 0;
  let preview: { text?: string } | undefined;
  for (let i = 0; i + 1 < items.length; i += 2) {
    const name = textOf(items[i])?.toUpperCase();
    const text = textOf(items[i + 1]);
    if (name === 'UID' && text !== undefined && /^\d{1,10}$/.test(text)) uid = Number(text);
    if (name === 'PREVIEW') preview = text === undefined ? {} : { text };
  }
  return uid > 0 && preview ? { uid, ...preview } : undefined;
}
