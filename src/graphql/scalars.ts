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

interface StringScalar<T> {
  readonly name: string;
  /** As in the SDL, which a scalar made in code would replace. */
  readonly description: string;
  readonly parse: (value: unknown) => T;
  readonly serialize: (value: unknown) => string;
}

/** The three scalars take nothing but strings, in variables and in the query text alike. */
const stringScalar = <T>({ name, description, parse, serialize }: StringScalar<T>): GraphQLScalarType<T, string> =>
  new GraphQLScalarType<T, string>({
    name,
    description,
    parseValue: parse,
    parseLiteral: (node: ValueNode) => parse(node.kind === Kind.STRING ? node.value : undefined),
    serialize,
  });

const asIs = (value: unknown): string => {
  if (typeof value !== 'string') throw new TypeError('not a string');
  return value;
};

export const SCALARS: Readonly<Record<string, GraphQLScalarType>> = {
  DateTime: stringScalar({
    name: 'DateTime',
    description: 'RFC 3339 instant in UTC, e.g. `2026-11-23T10:15:00.000Z`.',
    parse: parseDateTime,
    serialize: (value) => (value as Date).toISOString(),
  }),
  URL: stringScalar({
    name: 'URL',
    description:
      'Absolute http(s) URL. URLs of mail content are signed, expire, and need no Authorization header, so they fit `<img src>` and `<a href>`.',
    parse: parseUrl,
    serialize: asIs,
  }),
  ChangeCursor: stringScalar({
    name: 'ChangeCursor',
    description:
      "A place in an account's change log. Opaque; compare only for equality. Kept by clients to resume after a break.",
    parse: parseCursor,
    serialize: asIs,
  }),
};
