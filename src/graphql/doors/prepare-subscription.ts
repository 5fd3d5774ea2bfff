import {
  getOperationAST,
  OperationTypeNode,
  parse,
  validate,
  type ExecutionArgs,
  type GraphQLError,
  type GraphQLSchema,
} from 'graphql';
import type { LimitsConfig } from '../../config/config.js';
import { invalidInput } from '../../mailbox/mailbox.errors.js';
import { toGraphqlError } from '../error-format.js';
import { checkQueryLimits } from '../limits/query-limits.js';
import { checkQueryText } from '../limits/query-text.js';
import { readRequestParams } from './request-params.js';

export type PreparedSubscription =
  | { readonly ok: true; readonly args: ExecutionArgs }
  | { readonly ok: false; readonly errors: readonly GraphQLError[] };

/** Parsed, validated and within the limits: what Apollo does for the HTTP door, done for those that it does not see. */
export function prepareSubscription(schema: GraphQLSchema, limits: LimitsConfig, sent: unknown): PreparedSubscription {
  try {
    const { query, operationName, variables } = readRequestParams(sent);
    checkQueryText(query);
    const document = parse(query);
    const errors = validate(schema, document);
    if (errors.length > 0) return { ok: false, errors };
    const operation = getOperationAST(document, operationName);
    if (operation?.operation !== OperationTypeNode.SUBSCRIPTION) {
      throw invalidInput(['query'], 'only a subscription can be streamed; send queries and mutations by POST');
    }
    checkQueryLimits({ schema, document, operation, variables }, limits);
    return { ok: true, args: { schema, document, operationName, variableValues: variables } };
  } catch (error) {
    return { ok: false, errors: [toGraphqlError(error)] };
  }
}
