import type { SaslMechanism } from './mechanism.js';

/** draft-murchison-sasl-login: what the challenges say differs between servers, their order does not. */
export const login = (username: string, password: string): SaslMechanism => ({
  name: 'LOGIN',
  answer: (index) => {
    const said = [username, password][index];
    return said === undefined ? undefined : Buffer.from(said, 'utf8');
  },
});
