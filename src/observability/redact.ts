import { systemErrorCode } from '../common/system-error-code.js';

/** What an operator needs no sight of: secrets, and what people wrote or to whom. Compared without case, anywhere in the name. */
const HIDDEN_NAMES =
  /pass|secret|token|authorization|cookie|credential|apikey|masterkey|subject|address|email|username|^(to|cc|bcc|from|body|text|html|preview)$/i;

/** Secrets that libraries put into their own texts. */
const HIDDEN_TEXTS: readonly [RegExp, string][] = [
  [/\b(bearer|basic)\s+[\w+/=.~-]{6,}/gi, '$1 [hidden]'],
  [/\b(AUTH(?:ENTICATE)?\s+[\w-]+|PASS|LOGIN\s+\S+)\s+\S[^\r\n]*/g, '$1 [hidden]'],
  [/(:\/\/[^\s/:@]*):[^\s/@]+@/g, '$1:[hidden]@'],
  [/\bmrk_[\w-]{8,}/g, 'mrk_[hidden]'],
];

const maxTextLength = 2000;
const maxDepth = 4;
const maxEntries = 50;

/** One line without control characters, bounded, without what looks like a secret. */
export function cleanText(text: string): string {
  // Bounded before the patterns run over it, and once more for what they add.
  let clean = text.slice(0, 2 * maxTextLength);
  for (const [pattern, replacement] of HIDDEN_TEXTS) clean = clean.replace(pattern, replacement);
  // Control characters and bidirectional overrides could forge a line, or hide one from who reads it in a terminal.
  clean = clean.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu, ' ');
  return clean.length > maxTextLength ? `${clean.slice(0, maxTextLength)}…` : clean;
}

/** A copy that may stand in a log: bounded in depth, width and length, hidden where its name says so. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString();
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} octets]`;
  if (depth >= maxDepth) return '[…]';
  if (Array.isArray(value)) return value.slice(0, maxEntries).map((item) => redact(item, depth + 1));
  return isError(value) ? redactError(value, depth) : redactRecord(value, depth);
}

interface ErrorLike {
  readonly name: string;
  readonly message: string;
  readonly stack?: unknown;
  readonly cause?: unknown;
}

/** Errors of another realm are no `instanceof Error`. */
const isError = (value: object): value is ErrorLike =>
  'stack' in value &&
  'message' in value &&
  'name' in value &&
  typeof value.message === 'string' &&
  typeof value.name === 'string';

/** Only what every error has: drivers hang whole requests, parameters included, on theirs. */
const redactError = (error: ErrorLike, depth: number): Record<string, unknown> => ({
  type: cleanText(error.name),
  code: systemErrorCode(error),
  message: cleanText(error.message),
  at: typeof error.stack === 'string' ? framesOf(error.stack) : undefined,
  ...(error.cause === undefined ? {} : { cause: redact(error.cause, depth + 1) }),
});

const framesOf = (stack: string): readonly string[] =>
  stack
    .split('\n')
    .flatMap((line) => (/^\s+at /.test(line) ? cleanText(line.trim()) : []))
    .slice(0, 8);

function redactRecord(value: object, depth: number): Record<string, unknown> {
  const entries = Object.entries(value).slice(0, maxEntries);
  return Object.fromEntries(
    entries.map(([name, inner]) => [
      cleanText(name),
      HIDDEN_NAMES.test(name) && inner !== undefined && inner !== null ? '[hidden]' : redact(inner, depth + 1),
    ]),
  );
}
