const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

// Obsolete zone names (RFC 5322 section 4.3); the military letters and all others mean "unknown", so UTC.
const ZONE_MINUTES: Readonly<Record<string, number>> = {
  est: -300,
  edt: -240,
  cst: -360,
  cdt: -300,
  mst: -420,
  mdt: -360,
  pst: -480,
  pdt: -420,
};

// The day's name is not looked at: it is often wrong or in another language.
const RFC5322 =
  /^(?:[^\s,]{1,12},?\s+)?(\d{1,2})[\s-]+([a-z]{3})[a-z]{0,6}[\s-]+(\d{2,4}),?\s+(\d{1,2})[:.](\d{2})(?:[:.](\d{2})(?:\.\d+)?)?\s*(?:(?:gmt|utc)?([+-]\d{4}|[+-]\d{2}:\d{2})|([a-z]{1,5}))?/i;
// asctime, as some programs write: Tue Jul  1 10:52:37 2003
const ASCTIME = /^[a-z]{3}\s+([a-z]{3})\s+(\d{1,2})\s+(\d{1,2}):(\d{2}):(\d{2})\s+(?:[a-z]{3,4}\s+)?(\d{4})/i;
const ISO8601 = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/i;

/**
 * Date and time of a header field (RFC 5322 sections 3.3 and 4.3). `Date.parse` is not used for it: it takes nearly
 * any text with a number in it for a date.
 * @returns undefined where it cannot be read or the year is not one a message can have
 */
export function parseMailDate(value: string): Date | undefined {
  const text = value
    .slice(0, 200)
    .replace(/\([^()]*\)/g, ' ')
    .trim();
  return parseRfc5322(text) ?? parseAsctime(text) ?? parseIso(text);
}

function parseRfc5322(text: string): Date | undefined {
  const match = RFC5322.exec(text);
  if (!match) return undefined;
  const [, day, month, year, hour, minute, second, offset, zone] = match;
  const utc = utcOf({ year: fullYear(year ?? ''), month, day, hour, minute, second });
  return utc === undefined ? undefined : new Date(utc - offsetMinutes(offset, zone) * 60_000);
}

function parseAsctime(text: string): Date | undefined {
  const match = ASCTIME.exec(text);
  if (!match) return undefined;
  const [, month, day, hour, minute, second, year] = match;
  const utc = utcOf({ year: Number(year), month, day, hour, minute, second });
  return utc === undefined ? undefined : new Date(utc);
}

function parseIso(text: string): Date | undefined {
  if (!ISO8601.test(text)) return undefined;
  const date = new Date(text.replace(' ', 'T'));
  return isPlausibleYear(date.getUTCFullYear()) ? date : undefined;
}

interface DateWords {
  readonly year: number;
  readonly month: string | undefined;
  readonly day: string | undefined;
  readonly hour: string | undefined;
  readonly minute: string | undefined;
  readonly second: string | undefined;
}

function utcOf({ year, month = '', day, hour, minute, second = '0' }: DateWords): number | undefined {
  const monthIndex = MONTHS.indexOf(month.toLowerCase());
  const [d, h, m, s] = [Number(day), Number(hour), Number(minute), Number(second)];
  if (monthIndex < 0 || !isPlausibleYear(year) || d < 1 || d > 31 || h > 24 || m > 59 || s > 60) return undefined;
  return Date.UTC(year, monthIndex, d, h, m, s);
}

/** RFC 5322 section 4.3: two digits are 1950 to 2049, three are years since 1900. */
function fullYear(digits: string): number {
  const year = Number(digits);
  if (digits.length === 2) return year < 50 ? year + 2000 : year + 1900;
  return digits.length === 3 ? year + 1900 : year;
}

function offsetMinutes(offset: string | undefined, zone: string | undefined): number {
  if (offset === undefined) return ZONE_MINUTES[zone?.toLowerCase() ?? ''] ?? 0;
  const digits = offset.replace(':', '');
  const minutes = Number(digits.slice(1, 3)) * 60 + Number(digits.slice(3, 5));
  return digits.startsWith('-') ? -minutes : minutes;
}

function isPlausibleYear(year: number): boolean {
  return year >= 1970 && year < 10_000;
}
