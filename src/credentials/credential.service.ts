import { Injectable } from '@nestjs/common';
import type { Secret, SecretSupplier } from '../mailbox/connection.port.js';
import type { AccountId } from '../mailbox/model/ids.js';
import { CredentialRepository } from './credential.repository.js';
import { needsRenewal, type Credentials, type OAuth2Credentials, type Renewal } from './credentials.js';
import { TokenClient } from './token-client.js';
import { Vault } from './vault.js';

/** Credentials that are not saved yet; a refresh token that was used once may be another afterwards. */
export interface DraftCredentials {
  readonly supply: SecretSupplier;
  /** As they are now, after whatever signing in has made of them. */
  current(): Credentials;
}

/** Hands out secrets at the moment of signing in, and keeps renewed tokens. Callers never see what is stored. */
@Injectable()
export class CredentialService {
  /** Renewals under way on this instance: whoever comes meanwhile waits for the same answer. */
  private readonly renewals = new Map<AccountId, Promise<Secret>>();

  constructor(
    private readonly repository: CredentialRepository,
    private readonly vault: Vault,
    private readonly tokens: TokenClient,
  ) {}

  supplierFor(accountId: AccountId): SecretSupplier {
    return async (signal, refused) => {
      const credentials = this.vault.open(await this.repository.get(accountId));
      signal.throwIfAborted();
      return usableSecret(credentials, refused) ?? unlessAborted(this.renewOnce(accountId, refused), signal);
    };
  }

  draft(credentials: Credentials): DraftCredentials {
    let current = credentials;
    return {
      supply: async (signal, refused) => {
        const usable = usableSecret(current, refused);
        if (usable) return usable;
        current = await this.renewed(current, signal);
        return secretOf(current);
      },
      current: () => current,
    };
  }

  private renewOnce(accountId: AccountId, refused: Secret | undefined): Promise<Secret> {
    const underWay = this.renewals.get(accountId);
    if (underWay) return underWay;
    const renewal = this.renewStored(accountId, refused).finally(() => this.renewals.delete(accountId));
    this.renewals.set(accountId, renewal);
    return renewal;
  }

  /** Under a lock: a server that rotates refresh tokens takes the second use of one for theft (RFC 9700 section 4.14.2). */
  private renewStored(accountId: AccountId, refused: Secret | undefined): Promise<Secret> {
    return this.repository.exchange(accountId, async (stored) => {
      const credentials = this.vault.open(stored);
      const usable = usableSecret(credentials, refused);
      if (usable) return { result: usable };
      // No caller's signal: others may be waiting for this answer. The client has its own deadline.
      const renewed = await this.renewed(credentials, new AbortController().signal);
      return { result: secretOf(renewed), fields: this.vault.sealAgain(stored, renewed) };
    });
  }

  private async renewed(credentials: Credentials, signal: AbortSignal): Promise<Credentials> {
    const renewal = renewalOf(credentials);
    if (!renewal) return credentials;
    const { accessToken, expiresAt, refreshToken } = await this.tokens.renew(renewal, signal);
    return {
      kind: 'oauth2',
      accessToken: { token: accessToken, expiresAt },
      renewal: { ...renewal, refreshToken: refreshToken ?? renewal.refreshToken },
    } satisfies OAuth2Credentials;
  }
}

const renewalOf = (credentials: Credentials): Renewal | undefined =>
  credentials.kind === 'oauth2' ? credentials.renewal : undefined;

function secretOf(credentials: Credentials): Secret {
  if (credentials.kind === 'password') return credentials;
  return { kind: 'oauth2', accessToken: credentials.accessToken?.token ?? '' };
}

/** @returns undefined where a new token must, and can, be had first */
function usableSecret(credentials: Credentials, refused: Secret | undefined): Secret | undefined {
  const secret = secretOf(credentials);
  if (credentials.kind !== 'oauth2') return secret;
  const isRefused =
    refused?.kind === 'oauth2' &&
    credentials.renewal !== undefined &&
    refused.accessToken === credentials.accessToken?.token;
  return isRefused || needsRenewal(credentials, Date.now()) ? undefined : secret;
}

const toError = (reason: unknown): Error => (reason instanceof Error ? reason : new Error('aborted'));

/** Leaves when the caller does; the renewal goes on for the others. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(toError(signal.reason));
    signal.addEventListener('abort', leave, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
