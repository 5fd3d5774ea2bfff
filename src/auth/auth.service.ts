import { timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '../config/config.js';
import { MailError } from '../mailbox/mailbox.errors.js';
import type { ApiKeyId } from '../mailbox/model/ids.js';
import { hashKey, type ApiKey } from './api-key.js';
import { ApiKeyCache } from './api-key.cache.js';
import { ApiKeyRepository } from './api-key.repository.js';
import type { Principal } from './principal.js';

/** RFC 6750 section 2.1; the scheme's case does not matter (RFC 9110 section 11.1). */
const BEARER = /^bearer +([\x21-\x7e]{1,512})$/i;

/** The operator's own key stands in the configuration and not in the database. */
const ADMIN: Principal = {
  kind: 'API_KEY',
  keyId: '00000000-0000-7000-8000-000000000000' as ApiKeyId,
  scopes: ['ADMIN'],
};

/** Who is asking: the same answer at every door. */
@Injectable()
export class AuthService {
  private readonly adminKeyHash: Buffer;

  constructor(
    private readonly repository: ApiKeyRepository,
    private readonly cache: ApiKeyCache,
    @Inject(CONFIG) config: Config,
  ) {
    this.adminKeyHash = Buffer.from(config.secrets.adminKeyHash, 'hex');
  }

  /**
   * @param authorization `Bearer <key>`, as the header or `connectionParams.authorization` carries it
   * @throws MailError UNAUTHENTICATED
   */
  async authenticate(authorization: string | undefined): Promise<Principal> {
    if (authorization === undefined) throw unauthenticated('send `Authorization: Bearer <key>`');
    const secret = BEARER.exec(authorization)?.[1];
    if (secret === undefined) throw unauthenticated('the Authorization header must be `Bearer <key>`');
    const hash = hashKey(secret);
    if (timingSafeEqual(hash, this.adminKeyHash)) return ADMIN;
    const now = new Date();
    const load = (): Promise<ApiKey | undefined> => this.repository.findUsed(hash, now);
    const key = await this.cache.get(hash.toString('hex'), load, now.getTime());
    if (!key || isOver(key, now)) throw unauthenticated('the key is not known, expired, or was revoked');
    return toPrincipal(key);
  }

  /** For streams that outlive the moment they were allowed: false once the key is revoked or has expired. */
  async isStillValid({ keyId }: Principal): Promise<boolean> {
    if (keyId === ADMIN.keyId) return true;
    const now = new Date();
    const key = await this.cache.get(keyId, () => this.repository.findById(keyId), now.getTime());
    return key !== undefined && !isOver(key, now);
  }
}

const unauthenticated = (message: string): MailError => new MailError('UNAUTHENTICATED', message);

const isOver = ({ expiresAt }: ApiKey, now: Date): boolean => expiresAt !== undefined && expiresAt <= now;

const toPrincipal = ({ id, scopes, accountIds, expiresAt }: ApiKey): Principal => ({
  kind: 'API_KEY',
  keyId: id,
  scopes,
  accountIds,
  expiresAt,
});
