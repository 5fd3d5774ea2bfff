// Prints the whole contract to schema.graphql at the root, so that every change of it shows in review.
import { lexicographicSortSchema, printSchema } from 'graphql';
import { readSchema, writeOrCheck } from './lib-schema.mjs';

const banner = '# The whole public contract, printed from src/graphql/schema/ by `npm run generate`.\n\n';
writeOrCheck('schema.graphql', `${banner}${printSchema(lexicographicSortSchema(readSchema()))}\n`);
