import {
  getNamedType,
  getNullableType,
  isCompositeType,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  valueFromASTUntyped,
  type DocumentNode,
  type FieldNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { fragmentsOf, once } from './fragments.js';

export interface CheckedOperation {
  readonly schema: GraphQLSchema;
  /** Valid: no fragment contains itself. */
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** Fields that cost more than reading a row: a mail server is asked, or much is computed. An object costs 1, a plain field 0. */
const WEIGHTS: Readonly<Record<string, number>> = {
  'Account.protocolLog': 20,
  'Account.quota': 20,
  'AccountConnection.totalCount': 5,
  'Message.body': 5,
  'Message.headers': 10,
  'Message.preview': 1,
  'Message.thread': 1,
  'MessageBody.html': 10,
  'MessageConnection.totalCount': 10,
  'Mutation.addAccount': 100,
  'Mutation.syncAccount': 100,
  'Mutation.updateAccount': 100,
  'Mutation.verifyAccount': 100,
  'Query.__schema': 100,
  'Query.__type': 10,
};

/** Guesses of how long lists without a page size are. */
const LIST_SIZES: Readonly<Record<string, number>> = {
  'Account.mailboxes': 20,
  'Account.unreadableMessages': 5,
  'Mailbox.children': 5,
  'Query.apiKeys': 20,
};
const usualListSize = 2;

export function queryCost({ schema, document, operation, variables }: CheckedOperation, maxPageSize: number): number {
  const fragments = fragmentsOf(document);
  const known = new Map<string, number>();
  const defaults = Object.fromEntries(
    (operation.variableDefinitions ?? []).flatMap(({ variable, defaultValue }) =>
      defaultValue ? [[variable.name.value, valueFromASTUntyped(defaultValue)]] : [],
    ),
  );
  const values: Readonly<Record<string, unknown>> = { ...defaults, ...variables };

  const ofSelections = ({ selections }: SelectionSetNode, type: GraphQLNamedType, page: number): number => {
    let sum = 0;
    for (const node of selections) {
      if (node.kind === Kind.FIELD) sum += ofField(node, type, page);
      else if (node.kind === Kind.FRAGMENT_SPREAD) {
        const { typeCondition, selectionSet } = fragments.get(node.name.value)!;
        const inner = schema.getType(typeCondition.name.value) ?? type;
        sum += once(known, `${node.name.value} ${page}`, () => ofSelections(selectionSet, inner, page));
      } else {
        const inner = node.typeCondition ? schema.getType(node.typeCondition.name.value) : undefined;
        sum += ofSelections(node.selectionSet, inner ?? type, page);
      }
    }
    return sum;
  };

  const ofField = (node: FieldNode, type: GraphQLNamedType, page: number): number => {
    const name = `${type.name}.${node.name.value}`;
    const weight = WEIGHTS[name] ?? 0;
    const field = isObjectType(type) || isInterfaceType(type) ? type.getFields()[node.name.value] : undefined;
    // Introspection has no field of ours: its weight is all it costs, graphql-js bounds the rest.
    if (!field || !node.selectionSet) return weight;
    const inner = getNamedType(field.type);
    if (!isCompositeType(inner)) return weight;
    const size = listSize(field, node, name, page);
    return weight + size * (1 + ofSelections(node.selectionSet, inner, pageSize(field, node)));
  };

  const pageSize = (field: GraphQLField<unknown, unknown>, node: FieldNode): number => {
    const limits = field.args.filter(({ name }) => name === 'first' || name === 'last');
    if (limits.length === 0) return usualListSize;
    const asked = limits.map(({ name, defaultValue }) => argument(node, name) ?? defaultValue);
    const sizes = asked.filter((size) => typeof size === 'number' && size > 0) as number[];
    return Math.min(maxPageSize, sizes.length > 0 ? Math.max(...sizes) : defaultPageSize);
  };

  const listSize = (field: GraphQLField<unknown, unknown>, node: FieldNode, name: string, page: number): number => {
    if (!isListType(getNullableType(field.type))) return 1;
    const ids = argument(node, 'ids');
    if (Array.isArray(ids)) return ids.length;
    if (PAGED.has(node.name.value)) return page;
    return LIST_SIZES[name] ?? usualListSize;
  };

  const argument = (node: FieldNode, name: string): unknown => {
    const given = node.arguments?.find((candidate) => candidate.name.value === name);
    return given && valueFromASTUntyped(given.value, values);
  };

  const root = schema.getRootType(operation.operation);
  return root ? ofSelections(operation.selectionSet, root, usualListSize) : 0;
}

/** Of a connection or a page of changes: as long as the page that was asked for. */
const PAGED: ReadonlySet<string> = new Set(['edges', 'nodes', 'changes']);
const defaultPageSize = 50;
