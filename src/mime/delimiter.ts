const DASH = 45;

export interface Delimiter {
  /** Which of the open entities it belongs to. */
  readonly index: number;
  /** Ends the multipart (two dashes after the boundary). */
  readonly closes: boolean;
  /** With its dashes, without the rest of the line. */
  readonly sizeBytes: number;
}

/**
 * Which multipart a line that starts with two dashes delimits. The line need only start with the boundary (RFC 2046
 * section 5.1.1); where it starts with several, the longest is meant, as for Dovecot: `b` and `b1` are often nested.
 * @param open outermost first; a delimiter of any of them ends all that is open inside it
 */
export function findDelimiter(
  window: Buffer,
  at: number,
  open: readonly { readonly boundary: Buffer | undefined }[],
): Delimiter | undefined {
  let best: { index: number; length: number } | undefined;
  for (let index = open.length - 1; index >= 0; index -= 1) {
    const boundary = open[index]?.boundary;
    if (!boundary || boundary.length <= (best?.length ?? 0) || !startsWith(window, at, boundary)) continue;
    best = { index, length: boundary.length };
  }
  if (!best) return undefined;
  const after = at + best.length;
  const closes = window[after] === DASH && window[after + 1] === DASH;
  return { index: best.index, closes, sizeBytes: best.length + (closes ? 2 : 0) };
}

function startsWith(window: Buffer, at: number, prefix: Buffer): boolean {
  return at + prefix.length <= window.length && window.compare(prefix, 0, prefix.length, at, at + prefix.length) === 0;
}
