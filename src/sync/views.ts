import type { Mailbox, SpecialUse } from '../mailbox/model/mailbox.js';

const VIEWS: readonly SpecialUse[] = ['ALL', 'FLAGGED', 'IMPORTANT'];

/** Shows messages that are in other mailboxes too (RFC 6154 section 2, RFC 8457): nothing is moved there or from there. */
export const isView = ({ specialUse }: Mailbox): boolean => specialUse !== undefined && VIEWS.includes(specialUse);
