import { createHash, randomBytes } from 'node:crypto';
import type { AccountId, ApiKeyId } from '../mailbox/model/ids.js';
import type { Scope } from './principal.js';

/** A key without its secret, of which only the hash is kept. */
export interface ApiKey {
  readonly id: ApiKeyId;
  readonly name: string;
  /** Its first characters, so that people can tell keys apart. */
  readonly prefix: string;
  readonly scopes: readonly Scope[];
  /** Absent where every account may be seen. */
  readonly accountIds?: readonly AccountId[];
  readonly createdAt: Date;
  /** To the minute. */
  readonly lastUsedAt?: Date;
  readonly expiresAt?: Date;
}

const PREFIX = 'mrk_';
const secretBytes = 32;
const shownLength = PREFIX.length + 6;

/** 256 random bits: nobody guesses them, so a plain hash is enough to keep. */
export const newKeySecret = (): string => `${PREFIX}${randomBytes(secretBytes).toString('base64url')}`;

export const shownPrefix = (secret: string): string => secret.slice(0, shownLength);

/** SHA-256. */
export const hashKey = (secret: string): Buffer => createHash('sha256').update(secret).digest();
