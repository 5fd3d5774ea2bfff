import { Lexer, Source, TokenKind } from 'graphql';
import { tooComplex } from './query-limits.js';

const maxTokens = 2000;
const maxLength = 1024 * 1024;

/**
 * Bounds the text before it is parsed. A text that is no GraphQL passes: the parser says so better.
 * @throws GraphQLError QUERY_TOO_COMPLEX
 */
export function checkQueryText(query: string): void {
  if (query.length > maxLength) throw tooComplex(`the query has more than ${maxLength} characters`);
  if (countTokens(query, maxTokens + 1) > maxTokens) throw tooComplex(`the query has more than ${maxTokens} tokens`);
}

/** Counts no further than `enough`. */
function countTokens(query: string, enough: number): number {
  const lexer = new Lexer(new Source(query));
  let count = 0;
  try {
    while (count < enough && lexer.advance().kind !== TokenKind.EOF) count += 1;
  } catch {
    return count;
  }
  return count;
}
