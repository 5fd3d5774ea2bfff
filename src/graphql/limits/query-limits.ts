import {
  GraphQLError,
  Kind,
  visit,
  type DocumentNode,
  type FragmentDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import type { LimitsConfig } from '../../config/config.js';
import { fragmentsOf, once } from './fragments.js';
import { queryCost, type CheckedOperation } from './query-cost.js';

const maxDirectives = 50;
const maxRootFields = 20;

/**
 * What one operation may ask for, on every door alike. Checked between validation and execution, when the variables that
 * set page sizes are known. The number of tokens is checked before, so all of this is quick.
 * @throws GraphQLError QUERY_TOO_COMPLEX
 */
export function checkQueryLimits(checked: CheckedOperation, limits: LimitsConfig): void {
  const { document, operation } = checked;
  const shape = new Shape(document);
  atMost(shape.count(Kind.DIRECTIVE), maxDirectives, 'directives');
  atMost(shape.aliases(), limits.maxAliases, 'aliases');
  atMost(shape.width(operation.selectionSet), maxRootFields, 'fields at the root');
  atMost(shape.depth(operation.selectionSet), limits.maxQueryDepth, 'levels of depth');
  atMost(queryCost(checked, limits.maxPageSize), limits.maxQueryCost, 'points of cost');
}

export const tooComplex = (message: string): GraphQLError =>
  new GraphQLError(message, { extensions: { code: 'QUERY_TOO_COMPLEX', http: { status: 400 } } });

function atMost(actual: number, max: number, what: string): void {
  if (actual > max) throw tooComplex(`the query has ${Math.ceil(actual)} ${what}; ${max} are allowed`);
}

class Shape {
  private readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  private readonly depths = new Map<string, number>();
  private readonly widths = new Map<string, number>();

  constructor(private readonly document: DocumentNode) {
    this.fragments = fragmentsOf(document);
  }

  count(kind: Kind): number {
    let count = 0;
    visit(this.document, { enter: (node) => void (count += node.kind === kind ? 1 : 0) });
    return count;
  }

  aliases(): number {
    let count = 0;
    visit(this.document, { Field: ({ alias }) => void (count += alias ? 1 : 0) });
    return count;
  }

  /** Introspection is not counted: graphql-js bounds it itself, and the usual query for a whole schema is deep. */
  depth({ selections }: SelectionSetNode): number {
    const depths = selections.map((node): number => {
      if (node.kind === Kind.FRAGMENT_SPREAD) {
        return once(this.depths, node.name.value, () => this.depth(this.fragment(node.name.value)));
      }
      if (node.kind === Kind.INLINE_FRAGMENT) return this.depth(node.selectionSet);
      if (node.name.value.startsWith('__')) return 1;
      return 1 + (node.selectionSet ? this.depth(node.selectionSet) : 0);
    });
    return Math.max(0, ...depths);
  }

  width({ selections }: SelectionSetNode): number {
    const widths = selections.map((node): number => {
      if (node.kind === Kind.FIELD) return 1;
      if (node.kind === Kind.INLINE_FRAGMENT) return this.width(node.selectionSet);
      return once(this.widths, node.name.value, () => this.width(this.fragment(node.name.value)));
    });
    return widths.reduce((sum, width) => sum + width, 0);
  }

  private fragment(name: string): SelectionSetNode {
    return this.fragments.get(name)!.selectionSet;
  }
}
