import type { ApolloServerPlugin, GraphQLRequestContextDidResolveOperation } from '@apollo/server';
import { GraphQLError, OperationTypeNode } from 'graphql';
import type { LimitsConfig } from '../config/config.js';
import { checkQueryLimits } from './limits/query-limits.js';
import type { OperationContext } from './operation-context.js';

/** The limits on the door that Apollo keeps: after validation, when the variables are known. */
export function queryLimitsPlugin(limits: LimitsConfig): ApolloServerPlugin<OperationContext> {
  const check = async ({
    schema,
    document,
    operation,
    request,
  }: GraphQLRequestContextDidResolveOperation<OperationContext>): Promise<void> => {
    if (!operation) return;
    if (operation.operation === OperationTypeNode.SUBSCRIPTION) throw streamOnly();
    checkQueryLimits({ schema, document, operation, variables: request.variables ?? {} }, limits);
  };
  return { requestDidStart: async () => ({ didResolveOperation: check }) };
}

const streamOnly = (): GraphQLError =>
  new GraphQLError('subscribe over a WebSocket, or send `Accept: text/event-stream`', {
    extensions: { code: 'INVALID_INPUT', http: { status: 400 } },
  });
