import type { NextFunction, Request, Response } from 'express';

const preflightSeconds = '86400';

/**
 * Frontends stand on other origins. Any of them may ask: nothing is sent along by the browser on its own (no cookies), the key or
 * the signature in the URL is the only thing that counts.
 */
export function allowAnyOrigin(request: Request, response: Response, next: NextFunction): void {
  response.setHeader('access-control-allow-origin', '*');
  if (request.method !== 'OPTIONS') {
    response.setHeader('access-control-expose-headers', 'content-disposition, retry-after');
    next();
    return;
  }
  response.setHeader('access-control-allow-methods', 'GET, HEAD, POST');
  response.setHeader('access-control-allow-headers', 'authorization, content-type, accept');
  response.setHeader('access-control-max-age', preflightSeconds);
  response.status(204).end();
}
