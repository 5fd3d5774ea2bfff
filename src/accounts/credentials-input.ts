import { z } from 'zod';
import type { Credentials } from '../credentials/credentials.js';
import { line } from './input-text.js';

const tokenUrl = line(2000).refine((text) => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url?.protocol === 'https:' && url.username === '' && url.password === '';
}, 'must be an https URL');

const secret = line(8192);

const OAUTH2 = z
  .strictObject({
    accessToken: secret.nullish(),
    refreshToken: secret.nullish(),
    tokenUrl: tokenUrl.nullish(),
    clientId: line(512).nullish(),
    clientSecret: secret.nullish(),
    scope: line(2000).nullish(),
  })
  .superRefine(({ accessToken, refreshToken, tokenUrl: url }, ctx) => {
    if (!accessToken && !refreshToken) ctx.addIssue('needs an accessToken, a refreshToken, or both');
    if (refreshToken && !url)
      ctx.addIssue({ code: 'custom', path: ['tokenUrl'], message: 'is needed with a refreshToken' });
    if (url && !refreshToken)
      ctx.addIssue({ code: 'custom', path: ['refreshToken'], message: 'is needed with a tokenUrl' });
  });

// Spaces and whatever else a password is made of, but nothing that ends a line (RFC 9051 section 4.3, RFC 1939 section 3).
const password = z
  .string()
  .min(1, 'must not be empty')
  .max(1024, 'must have at most 1024 characters')
  .regex(/^[^\r\n\0]*$/, 'must not contain line breaks');

export const CREDENTIALS = z
  .strictObject({ password: password.nullish(), oauth2: OAUTH2.nullish() })
  .superRefine((given, ctx) => {
    if (isGiven(given.password) === isGiven(given.oauth2)) ctx.addIssue('give exactly one of password and oauth2');
  })
  .transform(toCredentials);

const isGiven = (value: unknown): boolean => value !== undefined && value !== null;

function toCredentials(given: { password?: string | null; oauth2?: z.output<typeof OAUTH2> | null }): Credentials {
  if (!given.oauth2) return { kind: 'password', password: given.password ?? '' };
  const { accessToken, refreshToken, tokenUrl: url, clientId, clientSecret, scope } = given.oauth2;
  return {
    kind: 'oauth2',
    accessToken: accessToken ? { token: accessToken } : undefined,
    renewal:
      refreshToken && url
        ? {
            refreshToken,
            tokenUrl: url,
            clientId: clientId ?? undefined,
            clientSecret: clientSecret ?? undefined,
            scope: scope ?? undefined,
          }
        : undefined,
  };
}
