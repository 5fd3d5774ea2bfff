import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { corpus } from '../factories/corpus.js';
import { startDovecot, type Dovecot } from '../servers/dovecot.js';
import { Pop3Store } from './pop3-account.js';

let store: Pop3Store;
let dovecot: Dovecot;

beforeAll(async () => {
  store = await Pop3Store.create();
  dovecot = await startDovecot({ users: { ann: 'secret' } });
}, 60_000);
afterAll(async () => {
  await store.close();
  await dovecot.stop();
});

const sha256 = (octets: Buffer): string => createHash('sha256').update(octets).digest('hex');

/**
 * What a POP3 server makes of a file: every line ends in CRLF, the last one too, and where there is none there is an empty one
 * (RFC 1939 section 3). Nothing else changes, but that Dovecot 2.3 forgets to double a dot that is the very first octet, so
 * that whoever reads by the RFC takes it away.
 */
function asServed(file: Buffer): Buffer {
  const text = file
    .toString('latin1')
    .replaceAll(/(?<!\r)\n/g, '\r\n')
    .replace(/^\./, '');
  return Buffer.from(text.endsWith('\r\n') ? text : `${text}\r\n`, 'latin1');
}

describe('a maildrop of what mail libraries are tested with', () => {
  it('is stored octet by octet, all of it is listed, and nothing breaks the visit', async () => {
    const expected: string[] = [];
    for await (const file of corpus()) {
      await dovecot.deliver('ann', file);
      expected.push(sha256(asServed(file)));
    }
    const { tlsPort: port } = dovecot.pop3;
    const account = await store.account({ port, security: 'TLS', username: 'ann', extraCa: dovecot.caPem });
    const policy = { afterDownload: 'DELETE' } as const;
    const found = await account.poll(policy);
    expect(found).toMatchObject({ downloaded: expected.length, skipped: 0, deletedOnServer: expected.length });
    const stored: string[] = [];
    for (const message of await account.stored()) stored.push(sha256(await account.octetsOf(message)));
    expect(stored.toSorted()).toEqual(expected.toSorted());
    expect(await dovecot.listMessages('ann')).toEqual([]);
  }, 600_000);
});
