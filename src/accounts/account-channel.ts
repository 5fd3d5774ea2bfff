/** Channel on which instances hear that an account changed, went, or became free to take; the payload is its id. */
export const ACCOUNT_CHANNEL = 'mailroom_account';
