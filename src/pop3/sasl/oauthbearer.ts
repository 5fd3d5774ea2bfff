import type { SaslMechanism } from './mechanism.js';

/** RFC 5801 section 4: the two characters that separate the fields of a GS2 header. */
const saslName = (name: string): string => name.replaceAll('=', '=3D').replaceAll(',', '=2C');

/** RFC 7628. A failure comes as a challenge that is answered by one %x01 (section 3.2.3), then as -ERR. */
export const oauthBearer = (username: string, accessToken: string, host: string, port: number): SaslMechanism => ({
  name: 'OAUTHBEARER',
  initial: Buffer.from(
    `n,a=${saslName(username)},\x01host=${host}\x01port=${port}\x01auth=Bearer ${accessToken}\x01\x01`,
    'utf8',
  ),
  answer: (index) => (index === 0 ? Buffer.from([1]) : undefined),
});
