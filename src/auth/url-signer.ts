import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config, type MasterKey } from '../config/config.js';

const signingKeyBytes = 32;

/**
 * Signs paths of mail content, so that they work in `<img src>` without a header, for a while and for nothing else.
 * HMAC-SHA256 with a key derived from the master key (HKDF, RFC 5869): every instance agrees and nothing is stored.
 */
@Injectable()
export class UrlSigner {
  private readonly keys: readonly [Buffer, ...Buffer[]];
  private readonly ttlSeconds: number;

  constructor(@Inject(CONFIG) { secrets: { masterKey, previousMasterKey }, limits }: Config) {
    this.keys = previousMasterKey ? [signingKey(masterKey), signingKey(previousMasterKey)] : [signingKey(masterKey)];
    this.ttlSeconds = limits.downloadUrlTtlSeconds;
  }

  /**
   * @param path absolute, encoded, without a query, as the request will carry it
   * @returns the path with `exp` (seconds since 1970) and `sig`
   */
  sign(path: string): string {
    const exp = String(Math.floor(Date.now() / 1000) + this.ttlSeconds);
    return `${path}?exp=${exp}&sig=${signature(this.keys[0], path, exp).toString('base64url')}`;
  }

  /** @param query of the request; whatever else stands in it is not looked at */
  verify(path: string, query: { readonly exp?: unknown; readonly sig?: unknown }): boolean {
    const { exp, sig } = query;
    if (typeof exp !== 'string' || typeof sig !== 'string' || !/^\d{1,12}$/.test(exp)) return false;
    if (Number(exp) * 1000 <= Date.now()) return false;
    const given = Buffer.from(sig, 'base64url');
    return this.keys.some((key) => {
      const wanted = signature(key, path, exp);
      return given.length === wanted.length && timingSafeEqual(given, wanted);
    });
  }
}

const signingKey = ({ key }: MasterKey): Buffer =>
  Buffer.from(hkdfSync('sha256', key, '', 'mailroom url signing', signingKeyBytes));

const signature = (key: Buffer, path: string, exp: string): Buffer =>
  createHmac('sha256', key).update(`${exp}\n${path}`).digest();
