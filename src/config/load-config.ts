import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemErrorCode } from '../common/system-error-code.js';
import type { Config, LimitsConfig, SecretsConfig } from './config.js';
import { ENVIRONMENT, SECRET_VARIABLES, type Environment } from './config.schema.js';
import { readOrCreateSecret } from './secret-files.js';

/** The fixed part of the contract's limits; clients see all of them in `Query.limits`. */
const LIMITS = {
  maxPageSize: 200,
  maxBulkIds: 1000,
  maxQueryDepth: 12,
  maxQueryCost: 20_000,
  maxAliases: 30,
  maxBodyBytes: 1024 * 1024,
  downloadUrlTtlSeconds: 3600,
} as const satisfies Partial<LimitsConfig>;

/** Names every variable that is wrong, not only the first. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(readonly problems: readonly string[]) {
    super(`The configuration is not valid:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
  }
}

type RawEnvironment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the configuration, making what may be made: the data directory, the master key (embedded database only) and the admin key.
 * @throws ConfigError with all that is wrong
 */
export function loadConfig(env: RawEnvironment = process.env): Config {
  const problems: string[] = [];
  const given = withSecretFiles(withoutEmpty(env), problems);
  const result = ENVIRONMENT.safeParse(given);
  for (const issue of result.error?.issues ?? []) problems.push(`${issue.path.join('.')}: ${issue.message}`);
  if (given.DATABASE_URL !== undefined && given.MASTER_KEY === undefined && !env.MASTER_KEY_FILE) {
    problems.push(
      'MASTER_KEY: is required with DATABASE_URL; make one with `openssl rand -base64 32` and keep it safe',
    );
  }
  if (!result.data || problems.length > 0) throw new ConfigError(problems);
  return deepFreeze(toConfig(result.data));
}

/** `PORT=` means "not set", as Compose files write it. */
const withoutEmpty = (env: RawEnvironment): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));

function withSecretFiles(
  env: Record<string, string | undefined>,
  problems: string[],
): Record<string, string | undefined> {
  const read = { ...env };
  for (const name of SECRET_VARIABLES) {
    const path = env[`${name}_FILE`];
    if (path === undefined) continue;
    if (env[name] !== undefined) problems.push(`${name}_FILE: is set together with ${name}; give one of the two`);
    try {
      read[name] = readFileSync(path, 'utf8').trim();
    } catch {
      problems.push(`${name}_FILE: must name a file that the gateway may read`);
    }
  }
  return read;
}

function toConfig(env: Environment): Config {
  return {
    host: env.HOST,
    port: env.PORT,
    dataDir: env.DATA_DIR,
    database: env.DATABASE_URL === undefined ? { kind: 'embedded' } : { kind: 'external', url: env.DATABASE_URL },
    secrets: toSecrets(env),
    mail: {
      hostAllow: env.MAIL_HOST_ALLOW,
      portAllow: env.MAIL_PORT_ALLOW,
      allowPlaintext: env.MAIL_ALLOW_PLAINTEXT,
      extraCa: env.MAIL_TLS_CA_FILE,
    },
    connections: {
      connections: env.MAIL_CONNECTIONS,
      connectionsPerHost: env.MAIL_CONNECTIONS_PER_HOST,
      signIns: env.MAIL_SIGN_INS,
      signInsPerHost: env.MAIL_SIGN_INS_PER_HOST,
    },
    publicUrl: env.PUBLIC_URL,
    logLevel: env.LOG_LEVEL,
    limits: {
      ...LIMITS,
      maxImportBytes: env.MAX_IMPORT_BYTES,
      changeRetentionHours: env.CHANGE_RETENTION_HOURS,
    },
  };
}

function toSecrets(env: Environment): SecretsConfig {
  const adminKeyFile = join(env.DATA_DIR, 'admin.key');
  const adminKey = env.ADMIN_API_KEY ?? generated(adminKeyFile, 'ADMIN_API_KEY', newAdminKey);
  return {
    masterKey: env.MASTER_KEY ?? generatedMasterKey(env.DATA_DIR),
    previousMasterKey: env.MASTER_KEY_PREVIOUS,
    adminKeyHash: createHash('sha256').update(adminKey).digest('hex'),
    adminKeyFile: env.ADMIN_API_KEY === undefined ? adminKeyFile : undefined,
  };
}

const newAdminKey = (): string => `mrk_${randomBytes(32).toString('base64url')}`;

function generatedMasterKey(dataDir: string): SecretsConfig['masterKey'] {
  const path = join(dataDir, 'master.key');
  const text = generated(path, 'MASTER_KEY', () => randomBytes(32).toString('base64'));
  const { data } = ENVIRONMENT.shape.MASTER_KEY.safeParse(text);
  if (!data) throw new ConfigError([`${path}: does not hold a master key (32 bytes in base64)`]);
  return data;
}

function generated(path: string, name: string, create: () => string): string {
  try {
    return readOrCreateSecret(path, create);
  } catch (error) {
    const code = systemErrorCode(error) ?? 'unknown error';
    throw new ConfigError([
      `DATA_DIR: ${path} cannot be read or made (${code}); give a writable DATA_DIR, or set ${name}`,
    ]);
  }
}

/** Keys are `KeyObject`s, which are immutable as they are. */
function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null && isPlain(inner)) deepFreeze(inner);
  }
  return Object.freeze(value);
}

const isPlain = (value: object): boolean => Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
