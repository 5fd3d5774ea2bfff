import { z } from 'zod';
import { invalidInput } from '../mailbox/mailbox.errors.js';
import type { Account } from './account.js';

/** Accounts are listed in the order they were added. */
export interface AccountPlace {
  readonly createdAt: Date;
  readonly id: string;
}

const PLACE = z.tuple([z.number().int().min(0).max(8.64e15), z.uuid()]);

export const encodeAccountCursor = ({ createdAt, id }: Pick<Account, 'createdAt' | 'id'>): string =>
  Buffer.from(JSON.stringify([createdAt.getTime(), id])).toString('base64url');

/** @throws MailError INVALID_INPUT */
export function decodeAccountCursor(cursor: string): AccountPlace {
  const { data } = PLACE.safeParse(parseJson(Buffer.from(cursor, 'base64url').toString('utf8')));
  if (!data) throw invalidInput(['after'], 'this cursor was not given out by this gateway');
  return { createdAt: new Date(data[0]), id: data[1] };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
