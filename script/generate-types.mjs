// Makes TypeScript types of the SDL: enums, inputs, arguments of every field, and what a type's plain fields look like.
import { isEnumType, isInputObjectType, isInterfaceType, isListType, isNonNullType, isObjectType } from 'graphql';
import { readSchema, writeOrCheck } from './lib-schema.mjs';

const SCALARS = {
  ID: 'string',
  String: 'string',
  URL: 'string',
  ChangeCursor: 'string',
  Int: 'number',
  Float: 'number',
  Boolean: 'boolean',
  DateTime: 'Date',
};

const typeOf = (type) => {
  if (isNonNullType(type)) return present(type.ofType);
  return `${present(type)} | null`;
};
const present = (type) => {
  if (isListType(type)) {
    const inner = typeOf(type.ofType);
    return inner.includes(' ') ? `readonly (${inner})[]` : `readonly ${inner}[]`;
  }
  return SCALARS[type.name] ?? type.name;
};

/** A default makes an argument's value certain; without one, whoever calls may leave it out. */
const input = ({ name, type, defaultValue }) => {
  const certain = isNonNullType(type) || defaultValue !== undefined;
  return `  readonly ${name}${certain ? '' : '?'}: ${typeOf(type)};`;
};
const output = ({ name, type }) => `  readonly ${name}${isNonNullType(type) ? '' : '?'}: ${typeOf(type)};`;

const capital = (text) => text[0].toUpperCase() + text.slice(1);
const block = (name, lines) => [`export interface ${name} {`, ...lines, '}', ''];
const argumentTypes = (type) =>
  Object.values(type.getFields()).flatMap((field) =>
    field.args.length === 0 ? [] : block(`${type.name}${capital(field.name)}Args`, field.args.map(input)),
  );

const definition = (type) => {
  if (isEnumType(type)) {
    const values = type.getValues().map(({ name }) => `'${name}'`);
    return [`export type ${type.name} = ${values.join(' | ')};`, ''];
  }
  if (isInputObjectType(type)) return block(type.name, Object.values(type.getFields()).map(input));
  if (isInterfaceType(type)) return block(type.name, Object.values(type.getFields()).map(output));
  if (!isObjectType(type)) return [];
  const roots = ['Query', 'Mutation', 'Subscription'];
  const own = roots.includes(type.name) ? [] : block(type.name, Object.values(type.getFields()).map(output));
  return [...own, ...argumentTypes(type)];
};

const types = Object.values(readSchema().getTypeMap())
  .filter(({ name }) => !name.startsWith('__'))
  .sort((a, b) => (a.name < b.name ? -1 : 1));
const header = '// Made from src/graphql/schema/ by `npm run generate`; do not edit.\n\n';
writeOrCheck('src/graphql/generated/schema-types.ts', header + types.flatMap(definition).join('\n'));
