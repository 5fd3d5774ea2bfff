import type { SaslMechanism } from './mechanism.js';

/**
 * Google's and Microsoft's mechanism, older than RFC 7628. Always in two steps: Outlook's POP3 servers refuse an initial response.
 * A failure comes as a challenge that holds JSON; only after an empty answer does the -ERR follow.
 */
export const xoauth2 = (username: string, accessToken: string): SaslMechanism => ({
  name: 'XOAUTH2',
  initial: Buffer.from(`user=${username}\x01auth=Bearer ${accessToken}\x01\x01`, 'utf8'),
  initialApart: true,
  answer: (index) => (index === 0 ? Buffer.alloc(0) : undefined),
});
