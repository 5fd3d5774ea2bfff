import { GraphQLError, GraphQLScalarType, Kind, type ValueNode } from 'graphql';

// RFC 3339 section 5.6, without leap seconds, which `Date` does not know.
const RFC3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;
const maxUrlLength = 2048;
const maxCursorLength = 256;

function parseDateTime(value: unknown): Date {
  const match = typeof value === 'string' ? RFC3339.exec(value) : null;
  if (!match) throw new GraphQLError('DateTime must be an RFC 3339 instant with its zone, e.g. 2026-11-23T10:15:00Z');
  const [, year, month, day] = match.map(Number);
  // `Date` makes March of 30 February; a day that does not exist is a mistake of the caller.
  if (month! < 1 || month! > 12 || day! < 1 || day! > new Date(Date.UTC(year!, month, 0)).getUTCDate()) {
    throw new GraphQLError('DateTime names a day that does not exist');
  }
  return new Date((value as string).toUpperCase());
}

function parseUrl(value: unknown): string {
  if (typeof value === 'string' && value.length <= maxUrlLength && URL.canParse(value)) {
    if (/^https?:$/.test(new URL(value).protocol)) return value;
  }
  throw new GraphQLError(`URL must be an absolute http or https URL of at most ${maxUrlLength} characters`);
}

function parseCursor(value: unknown): string {
  if (typeof value === 'string' && value !== '' && value.length <= maxCursorLength) return value;
  throw new GraphQLError('ChangeCursor must be a cursor that the gateway gave out');
}

/** The three scalars take nothing but strings, in variables and in the query text alike. */
function stringScalar<T>(name: string, parse: (value: unknown) => T, serialize: (value: unknown) => string) {
  return new GraphQLScalarType<T, string>({
    name,
    parseValue: parse,
    parseLiteral: (node: ValueNode) => parse(node.kind === Kind.STRING ? node.value : undefined),
    serialize,
  });
}

const asIs = (value: unknown): string => {
  if (typeof value !== 'string') throw new TypeError('not a string');
  return value;
};

export const SCALARS: Readonly<Record<string, GraphQLScalarType>> = {
  DateTime: stringScalar('DateTime', parseDateTime, (value) => (value as Date).toISOString()),
  URL: stringScalar('URL', parseUrl, asIs),
  ChangeCursor: stringScalar('ChangeCursor', parseCursor, asIs),
};
