import type { NextFunction, Request, Response } from 'express';

/** For everything the gateway answers; content and the console say more for themselves. */
export function setSecurityHeaders(_request: Request, response: Response, next: NextFunction): void {
  response.removeHeader('x-powered-by');
  response.set({
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'x-frame-options': 'DENY',
    'cross-origin-opener-policy': 'same-origin',
  });
  next();
}
