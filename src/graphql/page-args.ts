import { invalidInput } from '../mailbox/mailbox.errors.js';
import type { MessageOrder, PageRequest } from '../mailbox/model/search.js';
import type * as gql from './generated/schema-types.js';

export type PageArgs = Pick<gql.QueryMessagesArgs, 'first' | 'after' | 'last' | 'before'>;

const defaultPageSize = 50;

/** @throws MailError INVALID_INPUT that names the argument */
export function checkPageSize(size: number, argument: string, maxPageSize: number): number {
  if (size < 1 || size > maxPageSize) throw invalidInput([argument], `${argument} must be from 1 to ${maxPageSize}`);
  return size;
}

/**
 * Forward with `first` and `after`, or backward with `last` and `before`.
 * @throws MailError INVALID_INPUT that names the argument
 */
export function toPageRequest({ first, after, last, before }: PageArgs, maxPageSize: number): PageRequest {
  if (last == null && before == null) {
    return { first: checkPageSize(first ?? defaultPageSize, 'first', maxPageSize), after: after ?? undefined };
  }
  if (first != null) throw invalidInput(['first'], 'first goes with after; last and before read the other way');
  if (after != null) throw invalidInput(['after'], 'after goes with first; last and before read the other way');
  return { last: checkPageSize(last ?? defaultPageSize, 'last', maxPageSize), before: before ?? undefined };
}

export const toOrder = (order: gql.MessageOrder | null | undefined): MessageOrder =>
  order ?? { field: 'RECEIVED_AT', direction: 'DESC' };
