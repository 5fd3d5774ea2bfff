/** An OAuth 2.0 bearer token (RFC 6750). */
export interface AccessToken {
  readonly token: string;
  /** Absent where nobody said: used until the server refuses it. */
  readonly expiresAt?: Date;
}

/** What is needed to get a new access token (RFC 6749 section 6). */
export interface Renewal {
  readonly refreshToken: string;
  /** https. */
  readonly tokenUrl: string;
  readonly clientId?: string;
  readonly clientSecret?: string;
  readonly scope?: string;
}

interface PasswordCredentials {
  readonly kind: 'password';
  readonly password: string;
}

/** At least one of the two. */
export interface OAuth2Credentials {
  readonly kind: 'oauth2';
  readonly accessToken?: AccessToken;
  readonly renewal?: Renewal;
}

/** What an account signs in with. Lives in memory for as long as it is used, and nowhere else unsealed. */
export type Credentials = PasswordCredentials | OAuth2Credentials;

/** A token that ends this soon would end in the middle of signing in. */
const marginMs = 60_000;

/** Whether the access token must be had anew before it is used; one of unknown age is not trusted where a new one can be had. */
export function needsRenewal({ accessToken, renewal }: OAuth2Credentials, nowMs: number): boolean {
  if (!renewal) return false;
  return !accessToken?.expiresAt || accessToken.expiresAt.getTime() - marginMs <= nowMs;
}
