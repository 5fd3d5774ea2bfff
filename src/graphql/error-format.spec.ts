import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { buildSchema, execute, GraphQLError, parse, validate } from 'graphql';
import { MailError } from '../mailbox/mailbox.errors.js';
import { errorResult, formatError } from './error-format.js';
import { payload } from './user-error.js';

const schema = buildSchema('type Query { a(n: Int): String! list: [Query!]! }');

async function failing(error: unknown, query = '{ a }') {
  const fail = (): never => {
    throw error;
  };
  const result = await execute({ schema, document: parse(query), rootValue: { a: fail, list: () => [{ a: fail }] } });
  return formatError(result.errors![0]!);
}

describe('formatError', () => {
  let logged: unknown[];
  beforeEach(() => {
    logged = [];
    Logger.overrideLogger({
      log: () => undefined,
      warn: () => undefined,
      error: (...line: unknown[]) => void logged.push(line),
    });
  });
  afterEach(() => Logger.overrideLogger(false));

  it('shows an expected error with its code, and where it was thrown', async () => {
    const error = new MailError('RATE_LIMITED', 'wait', { retryAfterMs: 500, field: ['first'] });
    expect(await failing(error, '{ list { a } }')).toEqual({
      message: 'wait',
      locations: [{ line: 1, column: 10 }],
      path: ['list', 0, 'a'],
      extensions: { code: 'RATE_LIMITED', retryable: true, retryAfterMs: 500, field: ['first'] },
    });
  });

  it.each([new Error('password=hunter2'), new MailError('INTERNAL', 'hunter2'), new TypeError('hunter2'), 'hunter2'])(
    'masks what nobody expected, with an id that is in the log: %s',
    async (error) => {
      const { message, extensions } = await failing(error);
      expect(extensions).toEqual({ code: 'INTERNAL' });
      expect(message).not.toContain('hunter2');
      const [, id] = /internal error (\w+):/.exec(message) ?? [];
      expect(JSON.stringify(logged)).toContain(id);
    },
  );

  it('masks a null that the contract forbids', async () => {
    const result = await execute({ schema, document: parse('{ a }'), rootValue: { a: () => null } });
    expect(formatError(result.errors![0]!).extensions).toEqual({ code: 'INTERNAL' });
  });

  it('calls a query that is not valid INVALID_INPUT and suggests nothing', () => {
    const [error] = validate(schema, parse('{ lisst { a } }'));
    expect(error!.message).toContain('Did you mean');
    expect(formatError(error!)).toMatchObject({
      message: 'Cannot query field "lisst" on type "Query".',
      extensions: { code: 'INVALID_INPUT' },
    });
  });

  it("calls a wrong variable INVALID_INPUT, keeps codes of ours, and masks Apollo's own trouble", async () => {
    const result = await execute({
      schema,
      document: parse('query ($n: Int) { a(n: $n) }'),
      variableValues: { n: 'x' },
    });
    expect(formatError(result.errors![0]!).extensions).toEqual({ code: 'INVALID_INPUT' });
    const code = (text: string) => formatError(new GraphQLError('x', { extensions: { code: text } })).extensions;
    expect(code('QUERY_TOO_COMPLEX')).toEqual({ code: 'QUERY_TOO_COMPLEX' });
    expect(code('GRAPHQL_PARSE_FAILED')).toEqual({ code: 'INVALID_INPUT' });
    expect(code('INTERNAL_SERVER_ERROR')).toEqual({ code: 'INTERNAL' });
  });

  it('is what ends a stream', () => {
    expect(errorResult(new MailError('CURSOR_EXPIRED', 'too far back'))).toMatchObject({
      errors: [{ message: 'too far back', extensions: { code: 'CURSOR_EXPIRED' } }],
    });
  });
});

describe('payload', () => {
  const failed = (error: unknown) => payload(async () => raise(error), { list: [] });
  const raise = (error: unknown): { a: number } => {
    throw error;
  };

  it('gives what the work gave, without errors', async () => {
    expect(await payload(async () => ({ a: 1 }))).toEqual({ a: 1, errors: [] });
  });

  it('gives an expected failure as data, with empty lists', async () => {
    const error = new MailError('CONFLICT', 'exists', { field: ['input', 'name'], retryable: true });
    expect(await failed(error)).toEqual({
      list: [],
      errors: [{ code: 'CONFLICT', message: 'exists', field: ['input', 'name'], retryable: true }],
    });
  });

  it.each(['UNAUTHENTICATED', 'FORBIDDEN', 'RATE_LIMITED', 'INTERNAL'] as const)(
    'leaves %s to the top level',
    async (code) => {
      await expect(failed(new MailError(code, 'no'))).rejects.toMatchObject({ code });
    },
  );

  it('leaves what nobody expected to the top level', async () => {
    await expect(failed(new Error('bug'))).rejects.toThrow('bug');
  });
});
