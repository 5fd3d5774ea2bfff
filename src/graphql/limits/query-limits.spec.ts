import { describe, expect, it } from '@jest/globals';
import { buildSchema, getOperationAST, GraphQLError, parse, validate } from 'graphql';
import { readSchemaFiles } from '../schema-files.js';
import { queryCost } from './query-cost.js';
import { checkQueryLimits } from './query-limits.js';
import { checkQueryText } from './query-text.js';

const schema = buildSchema(readSchemaFiles());
const limits = {
  maxPageSize: 200,
  maxBulkIds: 1000,
  maxQueryDepth: 12,
  maxQueryCost: 20_000,
  maxAliases: 30,
  maxImportBytes: 1,
  maxBodyBytes: 1,
  changeRetentionHours: 1,
  downloadUrlTtlSeconds: 1,
};

function operationOf(query: string, variables: Record<string, unknown> = {}) {
  const document = parse(query);
  expect(validate(schema, document)).toEqual([]);
  return { schema, document, operation: getOperationAST(document)!, variables };
}
const cost = (query: string, variables?: Record<string, unknown>): number =>
  queryCost(operationOf(query, variables), limits.maxPageSize);

function refusalOf(query: string, variables?: Record<string, unknown>): string | undefined {
  try {
    checkQueryLimits(operationOf(query, variables), limits);
  } catch (error) {
    return error instanceof GraphQLError && error.extensions['code'] === 'QUERY_TOO_COMPLEX' ? error.message : 'other';
  }
  return undefined;
}

describe('query limits', () => {
  it('let through a page of 50 with all that a list shows', () => {
    const query = `{ messages(first: 50) { totalCount pageInfo { endCursor } incomplete { accountId } nodes { id subject preview
      from { name address } account { name } mailbox { name } attachments { url } } } }`;
    expect(refusalOf(query)).toBeUndefined();
  });

  it("let through GraphiQL's introspection, deep as it is", async () => {
    const { getIntrospectionQuery } = await import('graphql');
    expect(refusalOf(getIntrospectionQuery())).toBeUndefined();
  });

  it('count depth through fragments', () => {
    const nest = (depth: number): string => (depth === 0 ? 'id' : `parent { ...F${depth - 1} }`);
    const fragments = Array.from({ length: 13 }, (_, i) => `fragment F${i} on Mailbox { ${nest(i)} }`).join('\n');
    expect(refusalOf(`{ mailbox(id: "x") { ...F12 } } ${fragments}`)).toContain('depth');
  });

  it('count aliases, fields at the root, directives', () => {
    const many = (count: number, make: (i: number) => string): string =>
      Array.from({ length: count }, (_, i) => make(i)).join(' ');
    expect(refusalOf(`{ ${many(31, (i) => `a${i}: viewer { kind }`)} }`)).toContain('31 aliases');
    expect(refusalOf(`{ ${many(21, () => 'viewer { kind }')} }`)).toContain('21 fields at the root');
    expect(refusalOf(`{ viewer { ${many(51, () => 'kind @skip(if: false)')} } }`)).toContain('51 directives');
  });

  it('multiply by the page that was asked for, in variables too', () => {
    const query = 'query ($n: Int) { messages(first: $n) { nodes { account { name } } } }';
    expect(cost(query, { n: 100 })).toBeGreaterThan(9 * cost(query, { n: 10 }));
    expect(cost(query, {})).toBe(cost(query, { n: 50 }));
    expect(cost('query ($n: Int = 100) { messages(first: $n) { nodes { account { name } } } }')).toBe(
      cost(query, { n: 100 }),
    );
    expect(cost('query ($n: Int) { messages(last: $n) { nodes { account { name } } } }', { n: 100 })).toBe(
      cost(query, { n: 100 }),
    );
  });

  it('multiply pages inside pages', () => {
    const query = '{ accounts(first: 100) { nodes { mailboxes { messages(first: 100) { nodes { subject } } } } } }';
    expect(refusalOf(query)).toContain('points of cost');
  });

  it('are not fooled by fragments, and answer at once where each doubles the one before', () => {
    const plain = cost('{ messages { nodes { account { name } } } }');
    expect(
      cost('{ messages { ...P } } fragment P on MessageConnection { nodes { ... on Message { account { name } } } }'),
    ).toBe(plain);
    const doubling = Array.from(
      { length: 60 },
      (_, i) => `fragment D${i} on Mailbox { id ...D${i + 1} ... on Mailbox { ...D${i + 1} } }`,
    );
    const query = `{ mailbox(id: "x") { ...D0 } } ${doubling.join('\n')} fragment D60 on Mailbox { account { name } }`;
    const started = performance.now();
    expect(refusalOf(query)).toContain('points of cost');
    expect(performance.now() - started).toBeLessThan(1000);
  });
});

describe('checkQueryText', () => {
  it('stops reading at too many tokens or characters', () => {
    expect(() => checkQueryText(`{ ${'a '.repeat(1997)} }`)).not.toThrow();
    expect(() => checkQueryText(`{ ${'a '.repeat(1_999)} }`)).toThrow('2000 tokens');
    expect(() => checkQueryText(' '.repeat(1024 * 1024 + 1))).toThrow('characters');
  });

  it('leaves what is no GraphQL to the parser', () => {
    expect(() => checkQueryText('{ "')).not.toThrow();
  });
});
