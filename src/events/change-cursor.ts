import { invalidInput } from '../mailbox/mailbox.errors.js';
import { changePosition, type AccountId, type ChangePosition } from '../mailbox/model/ids.js';

/** Opaque to clients. Names its account, so that it cannot resume another's log. */
export const encodeChangeCursor = (accountId: AccountId, position: ChangePosition): string =>
  Buffer.from(`${accountId}:${position}`).toString('base64url');

/** @throws MailError INVALID_INPUT when it is not a cursor, or is another account's */
export function decodeChangeCursor(
  cursor: string,
  accountId: AccountId,
  field: readonly string[] = ['since'],
): ChangePosition {
  const match = /^([0-9a-f-]{36}):(\d{1,18})$/.exec(Buffer.from(cursor, 'base64url').toString());
  if (!match || match[1] !== accountId) {
    throw invalidInput(field, "not a cursor of this account's change log: use `Account.changeCursor`");
  }
  return changePosition(BigInt(match[2]!));
}
