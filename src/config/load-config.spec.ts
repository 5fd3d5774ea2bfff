import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ENVIRONMENT, SECRET_VARIABLES } from './config.schema.js';
import { ConfigError, loadConfig } from './load-config.js';

const KEY = Buffer.alloc(32, 7).toString('base64');
const OTHER_KEY = Buffer.alloc(32, 8).toString('base64');

describe('loadConfig', () => {
  let root: string;
  let dataDir: string;
  let count = 0;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'mailroom-config-'));
  });
  beforeEach(() => {
    dataDir = join(root, String(count++));
  });
  afterAll(() => rmSync(root, { recursive: true }));

  const problemsOf = (env: Record<string, string>): readonly string[] => {
    try {
      loadConfig({ DATA_DIR: dataDir, ...env });
    } catch (error) {
      if (error instanceof ConfigError) return error.problems;
      throw error;
    }
    return [];
  };

  it('needs no variable at all', () => {
    const config = loadConfig({ DATA_DIR: dataDir });
    expect(config).toMatchObject({
      host: '127.0.0.1',
      port: 4000,
      database: { kind: 'embedded' },
      mail: {
        hostAllow: { networks: [], hosts: [] },
        portAllow: [110, 143, 993, 995],
        allowPlaintext: false,
      },
      logLevel: 'info',
      limits: { changeRetentionHours: 168, maxBulkIds: 1000 },
    });
  });

  it('makes the keys once, readable by the owner alone, and finds them again', () => {
    const first = loadConfig({ DATA_DIR: dataDir });
    const second = loadConfig({ DATA_DIR: dataDir });
    expect(second.secrets.masterKey.id).toBe(first.secrets.masterKey.id);
    expect(second.secrets.masterKey.key.equals(first.secrets.masterKey.key)).toBe(true);
    expect(second.secrets.adminKeyHash).toBe(first.secrets.adminKeyHash);
    expect(first.secrets.adminKeyFile).toBe(join(dataDir, 'admin.key'));
    for (const name of ['admin.key', 'master.key']) {
      expect(statSync(join(dataDir, name)).mode & 0o777).toBe(0o600);
    }
  });

  it('names every bad variable at once, and none of their secrets', () => {
    const problems = problemsOf({
      PORT: '70000',
      DATABASE_URL: 'mysql://root:hunter2@db/x',
      MASTER_KEY: 'hunter2',
      ADMIN_API_KEY: 'hunter2',
      MAIL_HOST_ALLOW: '10.0.0.0/8,300.1.1.1,ok.example',
      MAIL_PORT_ALLOW: '143,imap',
      MAIL_ALLOW_PLAINTEXT: 'yes',
      MAIL_TLS_CA_FILE: join(root, 'absent.pem'),
      PUBLIC_URL: 'ftp://x',
      LOG_LEVEL: 'loud',
      MAX_IMPORT_BYTES: '-1',
      CHANGE_RETENTION_HOURS: '1.5',
      MASTER_KEY_PREVIOUS_FILE: join(root, 'absent.key'),
    });
    expect(new Set(problems.map((problem) => problem.split(':')[0]))).toEqual(
      new Set([
        'ADMIN_API_KEY',
        'CHANGE_RETENTION_HOURS',
        'DATABASE_URL',
        'LOG_LEVEL',
        'MAIL_ALLOW_PLAINTEXT',
        'MAIL_HOST_ALLOW',
        'MAIL_PORT_ALLOW',
        'MAIL_TLS_CA_FILE',
        'MASTER_KEY',
        'MASTER_KEY_PREVIOUS_FILE',
        'MAX_IMPORT_BYTES',
        'PORT',
        'PUBLIC_URL',
      ]),
    );
    expect(problems.join('\n')).not.toContain('hunter2');
    expect(problems.join('\n')).toContain('300.1.1.1');
  });

  it('demands a master key with a database of the operator, also when something else is wrong', () => {
    const problems = problemsOf({ DATABASE_URL: 'postgres://db/mail', PORT: 'x' });
    expect(problems).toHaveLength(2);
    expect(problems.join('\n')).toContain('MASTER_KEY: is required with DATABASE_URL');
  });

  it('makes nothing when something is wrong', () => {
    problemsOf({ PORT: 'x' });
    expect(() => statSync(dataDir)).toThrow('ENOENT');
  });

  it('reads secrets from files, and refuses both ways at once', () => {
    const path = join(root, 'master');
    writeFileSync(path, `${KEY}\n`);
    const config = loadConfig({
      DATA_DIR: dataDir,
      DATABASE_URL: 'postgres://db/mail',
      MASTER_KEY_FILE: path,
      MASTER_KEY_PREVIOUS: OTHER_KEY,
    });
    expect(config.secrets.masterKey.key.export().toString('base64')).toBe(KEY);
    expect(config.secrets.previousMasterKey?.id).not.toBe(config.secrets.masterKey.id);
    expect(problemsOf({ MASTER_KEY: KEY, MASTER_KEY_FILE: path })).toEqual([
      'MASTER_KEY_FILE: is set together with MASTER_KEY; give one of the two',
    ]);
  });

  it('takes an empty variable for an unset one', () => {
    expect(loadConfig({ DATA_DIR: dataDir, PORT: '', DATABASE_URL: '' })).toMatchObject({ port: 4000 });
  });

  it('says where it could not write', () => {
    const file = join(root, 'a-file');
    writeFileSync(file, '');
    expect(problemsOf({ DATA_DIR: join(file, 'below') })[0]).toMatch(/^DATA_DIR: .*writable DATA_DIR, or set/);
  });

  it('refuses a master key file that was damaged instead of making another', () => {
    loadConfig({ DATA_DIR: dataDir });
    writeFileSync(join(dataDir, 'master.key'), 'cut off');
    expect(problemsOf({})[0]).toContain('does not hold a master key');
  });

  it('is frozen through and through and shows no key when printed', () => {
    const config = loadConfig({ DATA_DIR: dataDir, MASTER_KEY: KEY, ADMIN_API_KEY: 'k'.repeat(24) });
    expect(Object.isFrozen(config.mail.hostAllow.networks)).toBe(true);
    const printed = inspect(config, { depth: 9 }) + JSON.stringify(config);
    expect(printed).not.toContain(KEY);
    expect(printed).not.toContain('k'.repeat(24));
  });
});

describe('.env.example', () => {
  const lines = readFileSync(new URL('../../.env.example', import.meta.url), 'utf8').split('\n');
  const shown = new Map(
    lines.flatMap((line): [string, string][] => {
      const [, name, value] = /^# ([A-Z_]+)=(.*)$/.exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value]];
    }),
  );

  it('lists every variable and no other', () => {
    expect(new Set(shown.keys())).toEqual(new Set(Object.keys(ENVIRONMENT.shape)));
  });

  it('names every secret that may come from a file', () => {
    for (const name of SECRET_VARIABLES) expect(lines.join('\n')).toContain(`${name}_FILE`);
  });

  it('shows the defaults as they are', () => {
    const defaults = ENVIRONMENT.parse({}) as Record<string, unknown>;
    const fromExample = ENVIRONMENT.parse(
      Object.fromEntries([...shown].filter(([name, value]) => defaults[name] !== undefined && value !== '')),
    ) as Record<string, unknown>;
    expect(fromExample).toEqual(defaults);
  });
});
