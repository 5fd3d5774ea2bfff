import { invalidInput } from '../../mailbox/mailbox.errors.js';

export interface RequestParams {
  readonly query: string;
  readonly operationName?: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

/**
 * What a client sent, by whatever door: nothing about it is believed yet.
 * @throws MailError INVALID_INPUT
 */
export function readRequestParams(sent: unknown): RequestParams {
  if (!isRecord(sent)) throw invalidInput([], 'send one operation as a JSON object; batches are not taken');
  const { query, operationName, variables } = sent;
  if (typeof query !== 'string' || query === '') throw invalidInput(['query'], 'query must be a text');
  if (operationName != null && typeof operationName !== 'string') {
    throw invalidInput(['operationName'], 'operationName must be a text');
  }
  if (variables != null && !isRecord(variables)) throw invalidInput(['variables'], 'variables must be an object');
  return { query, operationName: operationName ?? undefined, variables: variables ?? {} };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
