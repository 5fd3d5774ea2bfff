import { Kind, type DocumentNode, type FragmentDefinitionNode } from 'graphql';

export const fragmentsOf = (document: DocumentNode): ReadonlyMap<string, FragmentDefinitionNode> =>
  new Map(
    document.definitions.flatMap((node) => (node.kind === Kind.FRAGMENT_DEFINITION ? [[node.name.value, node]] : [])),
  );

/** A fragment is looked at once however often it is spread: nested spreads would otherwise double the work at each level. */
export function once(known: Map<string, number>, key: string, compute: () => number): number {
  let value = known.get(key);
  if (value === undefined) {
    value = compute();
    known.set(key, value);
  }
  return value;
}
