import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { CONFIG, type Config, type MasterKey } from '../config/config.js';
import type { AccountId } from '../mailbox/model/ids.js';
import type { AccessToken, Credentials, Renewal } from './credentials.js';
import { seal, unseal } from './sealing.js';

export const CREDENTIAL_FIELDS = ['PASSWORD', 'ACCESS_TOKEN', 'RENEWAL'] as const;
export type CredentialField = (typeof CREDENTIAL_FIELDS)[number];

/** An account's data key, wrapped by a master key. */
export interface WrappedKey {
  readonly masterKeyId: string;
  readonly wrapped: Buffer;
}

export type SealedFields = Readonly<Partial<Record<CredentialField, Buffer>>>;

/** An account's credentials as they are stored. */
export interface SealedCredentials {
  readonly accountId: AccountId;
  readonly key: WrappedKey;
  readonly fields: SealedFields;
}

const dataKeyBytes = 32;

const ACCESS_TOKEN = z.object({
  token: z.string(),
  expiresAt: z.iso
    .datetime()
    .transform((text) => new Date(text))
    .optional(),
}) satisfies z.ZodType<AccessToken>;

const RENEWAL = z.object({
  refreshToken: z.string(),
  tokenUrl: z.string(),
  clientId: z.string().optional(),
  clientSecret: z.string().optional(),
  scope: z.string().optional(),
}) satisfies z.ZodType<Renewal>;

/**
 * Envelope encryption: every secret is sealed with its account's data key, bound to account and field, and the data key is
 * wrapped by the master key, so that changing the master key touches one small value an account.
 */
@Injectable()
export class Vault {
  private readonly current: MasterKey;
  private readonly readable: ReadonlyMap<string, KeyObject>;

  constructor(@Inject(CONFIG) { secrets: { masterKey, previousMasterKey } }: Config) {
    this.current = masterKey;
    const keys = previousMasterKey ? [masterKey, previousMasterKey] : [masterKey];
    this.readable = new Map(keys.map(({ id, key }) => [id, key]));
  }

  get currentKeyId(): string {
    return this.current.id;
  }

  canOpen(masterKeyId: string): boolean {
    return this.readable.has(masterKeyId);
  }

  /** With a data key of its own, which nothing sealed before was sealed with. */
  seal(accountId: AccountId, credentials: Credentials): SealedCredentials {
    const dataKey = randomBytes(dataKeyBytes);
    const fields = sealFields(accountId, createSecretKey(dataKey), credentials);
    return { accountId, key: this.wrap(accountId, dataKey), fields };
  }

  /** With the data key that the account has. */
  sealAgain({ accountId, key }: SealedCredentials, credentials: Credentials): SealedFields {
    return sealFields(accountId, createSecretKey(this.unwrap(accountId, key)), credentials);
  }

  /** @throws SealBroken */
  open({ accountId, key, fields }: SealedCredentials): Credentials {
    const dataKey = createSecretKey(this.unwrap(accountId, key));
    const read = (field: CredentialField): string | undefined => {
      const sealed = fields[field];
      return sealed && unseal(dataKey, sealed, fieldContext(accountId, field)).toString('utf8');
    };
    const password = read('PASSWORD');
    if (password !== undefined) return { kind: 'password', password };
    const accessToken = read('ACCESS_TOKEN');
    const renewal = read('RENEWAL');
    return {
      kind: 'oauth2',
      accessToken: accessToken === undefined ? undefined : ACCESS_TOKEN.parse(JSON.parse(accessToken)),
      renewal: renewal === undefined ? undefined : RENEWAL.parse(JSON.parse(renewal)),
    };
  }

  /** The same data key under the current master key. @throws SealBroken */
  rewrap(accountId: AccountId, key: WrappedKey): WrappedKey {
    return this.wrap(accountId, this.unwrap(accountId, key));
  }

  private wrap(accountId: AccountId, dataKey: Buffer): WrappedKey {
    const { id, key } = this.current;
    return { masterKeyId: id, wrapped: seal(key, dataKey, keyContext(accountId)) };
  }

  private unwrap(accountId: AccountId, { masterKeyId, wrapped }: WrappedKey): Buffer {
    const key = this.readable.get(masterKeyId);
    if (!key)
      throw new Error(`credentials are sealed with master key ${masterKeyId}, which this instance was not given`);
    return unseal(key, wrapped, keyContext(accountId));
  }
}

const keyContext = (accountId: AccountId): string => `mailroom data key\0${accountId}`;
const fieldContext = (accountId: AccountId, field: CredentialField): string =>
  `mailroom credential\0${accountId}\0${field}`;

function sealFields(accountId: AccountId, dataKey: KeyObject, credentials: Credentials): SealedFields {
  const fields: Partial<Record<CredentialField, Buffer>> = {};
  for (const [field, text] of plainFields(credentials)) {
    fields[field] = seal(dataKey, Buffer.from(text), fieldContext(accountId, field));
  }
  return fields;
}

function plainFields(credentials: Credentials): [CredentialField, string][] {
  if (credentials.kind === 'password') return [['PASSWORD', credentials.password]];
  const { accessToken, renewal } = credentials;
  return [
    ...(accessToken ? ([['ACCESS_TOKEN', JSON.stringify(accessToken)]] satisfies [CredentialField, string][]) : []),
    ...(renewal ? ([['RENEWAL', JSON.stringify(renewal)]] satisfies [CredentialField, string][]) : []),
  ];
}
