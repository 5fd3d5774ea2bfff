import type { SaslMechanism } from './mechanism.js';

/** RFC 4616: no authorisation identity, UTF-8. */
export const plain = (username: string, password: string): SaslMechanism => ({
  name: 'PLAIN',
  initial: Buffer.from(`\0${username}\0${password}`, 'utf8'),
  answer: () => undefined,
});
