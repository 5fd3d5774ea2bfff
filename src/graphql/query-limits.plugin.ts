import type { ApolloServerPlugin, GraphQLRequestContextDidResolveOperation } from '@apollo/server';
import type { LimitsConfig } from '../config/config.js';
import { checkQueryLimits } from './limits/query-limits.js';
import type { OperationContext } from './operation-context.js';

/** The limits on the HTTP door: after validation, when the variables are known. */
export function queryLimitsPlugin(limits: LimitsConfig): ApolloServerPlugin<OperationContext> {
  const check = async ({
    schema,
    document,
    operation,
    request,
  }: GraphQLRequestContextDidResolveOperation<OperationContext>): Promise<void> => {
    if (operation) checkQueryLimits({ schema, document, operation, variables: request.variables ?? {} }, limits);
  };
  return { requestDidStart: async () => ({ didResolveOperation: check }) };
}
