import type { Response } from 'express';
import type { Principal } from '../../auth/principal.js';

/** Set once, by the middleware that looked at the key; everything behind it may rely on it. */
export function setPrincipal({ locals }: Response, principal: Principal): void {
  locals['principal'] = principal;
}

export function principalOf({ locals }: Response): Principal {
  const principal = locals['principal'] as Principal | undefined;
  if (!principal) throw new Error('a request came past authentication');
  return principal;
}
