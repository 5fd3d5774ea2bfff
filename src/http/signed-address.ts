import type { Request } from 'express';
import type { UrlSigner } from '../auth/url-signer.js';
import { MailError } from '../mailbox/mailbox.errors.js';

/** @throws MailError FORBIDDEN unless the request carries a signature of `path` that is valid still */
export function requireSignature(signer: UrlSigner, path: string, { query }: Request): void {
  if (signer.verify(path, query)) return;
  throw new MailError('FORBIDDEN', 'this link is not valid or has expired: ask for a new one');
}
