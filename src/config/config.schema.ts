import { createHash, createSecretKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import type { MasterKey } from './config.js';
import { parseHostAllow } from './host-allow.js';

const masterKeyBytes = 32;
const minAdminKeyLength = 24;

const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be a whole number from ${min} to ${max}`);

const withDefault = <T extends z.ZodType<unknown, string>>(text: string, type: T) =>
  z.string().default(text).pipe(type);

const masterKey = z.string().transform((text, ctx): MasterKey => {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== masterKeyBytes || bytes.toString('base64') !== text.replace(/=*$/, '=')) {
    ctx.addIssue('must be 32 bytes in base64; make one with `openssl rand -base64 32`');
    return z.NEVER;
  }
  // Names the key without helping to find it: a digest of 256 random bits.
  const id = createHash('sha256').update('mailroom master key').update(bytes).digest('hex').slice(0, 16);
  return { id, key: createSecretKey(bytes) };
});

const hostAllow = z.string().transform((text, ctx) => {
  const { networks, hosts, invalid } = parseHostAllow(text);
  if (invalid.length > 0) {
    ctx.addIssue(`must be a comma list of CIDRs, addresses and host names; these are none: ${invalid.join(' ')}`);
  }
  return { networks, hosts };
});

const portAllow = z.string().transform((text, ctx): readonly number[] | 'any' => {
  if (text === '*') return 'any';
  const ports = text.split(',').map((part) => part.trim());
  if (!ports.every((port) => /^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535)) {
    ctx.addIssue('must be a comma list of port numbers, or * for any');
    return z.NEVER;
  }
  return ports.map(Number);
});

const boolean = z.enum(['true', 'false'], 'must be true or false').transform((text) => text === 'true');

const publicUrl = z.string().transform((text, ctx) => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash || url.username) {
    ctx.addIssue('must be an http or https URL without query, fragment and user, e.g. https://mail.example.org');
    return z.NEVER;
  }
  return url.href.replace(/\/+$/, '');
});

const databaseUrl = z
  .string()
  .refine((text) => URL.canParse(text) && /^postgres(ql)?:\/\//.test(text), 'must be a postgres:// URL');

/** @throws when it is none */
const assertCertificate = (pem: string): X509Certificate => new X509Certificate(pem);

const certificates = z.string().transform((path, ctx) => {
  try {
    const pem = readFileSync(path, 'utf8');
    const blocks = pem.match(/-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----/gs);
    if (!blocks) throw new Error('no certificate');
    for (const block of blocks) assertCertificate(block);
    return pem;
  } catch {
    ctx.addIssue('must name a readable file of certificates in PEM');
    return z.NEVER;
  }
});

/** Every variable the gateway reads. Unset ones without a default are absent. */
export const ENVIRONMENT = z.object({
  HOST: withDefault('127.0.0.1', z.string().regex(/^\S+$/, 'must be a host name or an address')),
  PORT: withDefault('4000', wholeNumber(0, 65_535)),
  DATA_DIR: withDefault(
    './data',
    z.string().transform((path) => resolve(path)),
  ),
  DATABASE_URL: databaseUrl.optional(),
  MASTER_KEY: masterKey.optional(),
  MASTER_KEY_PREVIOUS: masterKey.optional(),
  ADMIN_API_KEY: z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces')
    .min(minAdminKeyLength, `must have at least ${minAdminKeyLength} characters`)
    .optional(),
  MAIL_HOST_ALLOW: withDefault('', hostAllow),
  MAIL_PORT_ALLOW: withDefault('110,143,993,995', portAllow),
  MAIL_ALLOW_PLAINTEXT: withDefault('false', boolean),
  MAIL_TLS_CA_FILE: certificates.optional(),
  MAIL_CONNECTIONS: withDefault('10000', wholeNumber(1, 1_000_000)),
  MAIL_CONNECTIONS_PER_HOST: withDefault('5000', wholeNumber(1, 1_000_000)),
  MAIL_SIGN_INS: withDefault('50', wholeNumber(1, 10_000)),
  MAIL_SIGN_INS_PER_HOST: withDefault('10', wholeNumber(1, 10_000)),
  PUBLIC_URL: publicUrl.optional(),
  LOG_LEVEL: withDefault(
    'info',
    z.enum(
      ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
      'must be one of fatal, error, warn, info, debug, trace, silent',
    ),
  ),
  MAX_IMPORT_BYTES: withDefault(String(50 * 1024 * 1024), wholeNumber(1024, 256 * 1024 * 1024)),
  CHANGE_RETENTION_HOURS: withDefault('168', wholeNumber(1, 87_600)),
});

export type Environment = z.output<typeof ENVIRONMENT>;

/** May also be given as the path of a file, in `NAME_FILE`. */
export const SECRET_VARIABLES = ['DATABASE_URL', 'MASTER_KEY', 'MASTER_KEY_PREVIOUS', 'ADMIN_API_KEY'] as const;
