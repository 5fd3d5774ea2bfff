import { createCipheriv, createDecipheriv, randomBytes, type KeyObject } from 'node:crypto';

const ALGORITHM = 'aes-256-gcm';
const version = 1;
const nonceBytes = 12;
const tagBytes = 16;

/** The value was sealed with another key, for another place, or is damaged: GCM cannot tell which. */
export class SealBroken extends Error {
  override readonly name = 'SealBroken';
}

/**
 * AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D section 8.2.2).
 * @param context authenticated with the value: it opens only where it was put
 * @returns version (1 octet), nonce (12), ciphertext, tag (16)
 */
export function seal(key: KeyObject, value: Buffer, context: string): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(Buffer.from(context));
  const sealed = Buffer.concat([cipher.update(value), cipher.final()]);
  return Buffer.concat([Buffer.of(version), nonce, sealed, cipher.getAuthTag()]);
}

/** @throws SealBroken */
export function unseal(key: KeyObject, sealed: Buffer, context: string): Buffer {
  if (sealed.length < 1 + nonceBytes + tagBytes || sealed[0] !== version) throw new SealBroken('not a sealed value');
  const nonce = sealed.subarray(1, 1 + nonceBytes);
  const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(sealed.subarray(-tagBytes));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(1 + nonceBytes, -tagBytes)), decipher.final()]);
  } catch (error) {
    throw new SealBroken('the seal does not hold: another key, another place, or damage', { cause: error });
  }
}
