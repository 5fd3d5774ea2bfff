import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { describe, expect, it } from '@jest/globals';
import type { Config } from '../config/config.js';
import { loadConfig } from '../config/load-config.js';
import { EndpointPolicy } from './endpoint-policy.js';

const config = (env: Record<string, string> = {}): Config =>
  loadConfig({
    DATABASE_URL: 'postgres://x/y',
    MASTER_KEY: Buffer.alloc(32).toString('base64'),
    ADMIN_API_KEY: 'x'.repeat(24),
    ...env,
  });
const answering =
  (...addresses: string[]) =>
  async (): Promise<LookupAddress[]> =>
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
const signal = AbortSignal.timeout(5000);
const imaps = { host: 'imap.example.org', port: 993 };

describe('EndpointPolicy', () => {
  it('gives the addresses to dial, in the order they were found', async () => {
    const policy = new EndpointPolicy(config(), answering('2606:4700::1', '1.1.1.1'));
    await expect(policy.resolveMailServer(imaps, signal)).resolves.toEqual({
      ...imaps,
      addresses: ['2606:4700::1', '1.1.1.1'],
    });
  });

  it('refuses a name when only one of its addresses is forbidden', async () => {
    const policy = new EndpointPolicy(config(), answering('1.1.1.1', '169.254.169.254'));
    await expect(policy.resolveMailServer(imaps, signal)).rejects.toMatchObject({ code: 'HOST_FORBIDDEN' });
  });

  it('does not even resolve a name for a forbidden port', async () => {
    const policy = new EndpointPolicy(config(), () => Promise.reject(new Error('asked')));
    await expect(policy.resolveMailServer({ ...imaps, port: 25 }, signal)).rejects.toMatchObject({
      code: 'HOST_FORBIDDEN',
    });
  });

  it('says the same whatever it refuses', async () => {
    const messages = await Promise.all(
      [imaps, { host: 'x', port: 22 }, { host: '127.0.0.1', port: 143 }].map((endpoint) =>
        new EndpointPolicy(config(), answering('10.0.0.1')).resolveMailServer(endpoint, signal).catch(String),
      ),
    );
    expect(new Set(messages).size).toBe(1);
  });

  it.each(['127.0.0.1', '2130706433', '0x7f.1', '::1'])('sees through %s with the real resolver', async (host) => {
    await expect(
      new EndpointPolicy(config(), lookup).resolveMailServer({ host, port: 143 }, signal),
    ).rejects.toMatchObject({
      code: 'HOST_FORBIDDEN',
    });
  });

  it('allows what the operator listed: networks by address, hosts by name', async () => {
    const policy = new EndpointPolicy(config({ MAIL_HOST_ALLOW: '10.0.0.0/8,Mail.lan' }), answering('192.168.0.9'));
    await expect(policy.resolveMailServer({ host: 'MAIL.lan', port: 143 }, signal)).resolves.toBeDefined();
    await expect(policy.resolveMailServer({ host: 'other.lan', port: 143 }, signal)).rejects.toMatchObject({
      code: 'HOST_FORBIDDEN',
    });
    const local = new EndpointPolicy(config({ MAIL_HOST_ALLOW: '127.0.0.0/8', MAIL_PORT_ALLOW: '*' }), lookup);
    await expect(local.resolveMailServer({ host: '127.0.0.1', port: 4143 }, signal)).resolves.toMatchObject({
      addresses: ['127.0.0.1'],
    });
  });

  it('reaches token endpoints on 443, mail servers not', async () => {
    const policy = new EndpointPolicy(config(), answering('1.1.1.1'));
    await expect(policy.resolveWebServer({ host: 'login.example.org', port: 443 }, signal)).resolves.toBeDefined();
    await expect(policy.resolveMailServer({ host: 'login.example.org', port: 443 }, signal)).rejects.toMatchObject({
      code: 'HOST_FORBIDDEN',
    });
  });

  it('calls a name that does not exist what it is', async () => {
    const policy = new EndpointPolicy(config(), () =>
      Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' })),
    );
    await expect(policy.resolveMailServer(imaps, signal)).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
      retryable: false,
    });
  });

  it('stops waiting when the caller does', async () => {
    const caller = new AbortController();
    const policy = new EndpointPolicy(config(), () => new Promise(() => undefined));
    const answer = policy.resolveMailServer(imaps, caller.signal);
    caller.abort(new Error('enough'));
    await expect(answer).rejects.toThrow('enough');
  });

  it('allows no encryption at all only where the operator does', () => {
    expect(new EndpointPolicy(config(), lookup).allowsSecurity('NONE')).toBe(false);
    expect(new EndpointPolicy(config(), lookup).allowsSecurity('STARTTLS')).toBe(true);
    expect(new EndpointPolicy(config({ MAIL_ALLOW_PLAINTEXT: 'true' }), lookup).allowsSecurity('NONE')).toBe(true);
  });
});
