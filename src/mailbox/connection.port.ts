import type { ConnectionShares } from './connection-shares.port.js';
import type { AccountId } from './model/ids.js';
import type { ConnectionSecurity } from './model/protocol.js';

export type Secret =
  { readonly kind: 'password'; readonly password: string } | { readonly kind: 'oauth2'; readonly accessToken: string };

/**
 * Hands out the secret at the moment of signing in, renewed if need be. Never cached, logged or stored by who receives it.
 * @param refused what the mail server has just refused: another one is handed out if it can be had, else the same again
 */
export type SecretSupplier = (signal: AbortSignal, refused?: Secret) => Promise<Secret>;

/** Where to dial: addresses that the policy has allowed. Dial one of these, never the name again (it could resolve elsewhere). */
export interface CheckedEndpoint {
  /** As the user gave it: the TLS server name and the name the certificate must carry. */
  readonly host: string;
  readonly port: number;
  /** IP addresses, in the order to try them; never empty. */
  readonly addresses: readonly string[];
}

/** @throws MailError HOST_FORBIDDEN, CONNECTION_FAILED (the name does not resolve), TIMEOUT */
export type EndpointResolver = (signal: AbortSignal) => Promise<CheckedEndpoint>;

/** Leave to have one connection. */
export interface ConnectionPermit {
  /** The next one may sign in now. Idempotent. */
  signedIn(): void;
  /** The connection is gone, or was never made. Idempotent. */
  release(): void;
}

/** @throws MailError RATE_LIMITED when its turn does not come in time; else what the signal says */
export type Admission = (signal: AbortSignal) => Promise<ConnectionPermit>;

/** Where an account's protocol lines go, so that somebody can read later what the server said. */
export interface WireLog {
  /**
   * @param from C client, S server, - a remark of the gateway's own
   * @param text one line without its end, secrets and mail taken out by whoever calls
   */
  note(from: 'C' | 'S' | '-', connection: number, text: string): void;
  /** A number for one connection among those of the account. */
  nextConnection(): number;
}

/** Everything an adapter needs to sign in to one account. */
export interface AccountConnection {
  /** Absent while settings are only being verified. */
  readonly accountId?: AccountId;
  readonly host: string;
  readonly port: number;
  readonly security: ConnectionSecurity;
  readonly username: string;
  readonly secret: SecretSupplier;
  readonly resolve: EndpointResolver;
  /** PEM, added to the system's; verification cannot be switched off. */
  readonly extraCa?: string;
  /** Asked before each connection for commands; absent where there is nobody to share with. */
  readonly shares?: ConnectionShares;
  /** Asked before each connection is dialled. */
  readonly admit?: Admission;
  /** Absent while settings are only being verified. */
  readonly wireLog?: WireLog;
}

export type ConnectionStepName = 'RESOLVE' | 'CONNECT' | 'TLS' | 'GREETING' | 'STARTTLS' | 'SIGN_IN' | 'LIST';

export interface ConnectionStep {
  readonly name: ConnectionStepName;
  readonly ok: boolean;
  readonly durationMs: number;
  /** TLS version and certificate subject, or the server's own words; never a secret. */
  readonly detail?: string;
}

export type StepListener = (step: ConnectionStep) => void;
