import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface ServerCertificate {
  readonly certPem: string;
  readonly keyPem: string;
}

export interface TlsFixtures extends ServerCertificate {
  /** The authority that signed both certificates; no system trusts it. */
  readonly caPem: string;
  /** Valid, trusted, and for another host. */
  readonly wrongName: ServerCertificate;
}

let made: TlsFixtures | undefined;

/**
 * Test certificates, made once per process with the openssl command: `certPem` is for localhost, 127.0.0.1 and ::1.
 * @throws when there is no openssl
 */
export function createTlsFixtures(): TlsFixtures {
  made ??= makeFixtures();
  return made;
}

function makeFixtures(): TlsFixtures {
  const dir = mkdtempSync(join(tmpdir(), 'tls-'));
  try {
    openssl(dir, 'req', '-x509', ...newKey('ca'), '-out', 'ca.pem', '-subj', '/CN=Test CA', '-days', '30');
    const good = issue(dir, 'localhost', 'DNS:localhost,IP:127.0.0.1,IP:::1');
    const wrongName = issue(dir, 'other.example', 'DNS:other.example');
    return { caPem: readFileSync(join(dir, 'ca.pem'), 'utf8'), ...good, wrongName };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function issue(dir: string, name: string, altNames: string): ServerCertificate {
  writeFileSync(join(dir, 'extensions'), `subjectAltName=${altNames}\n`);
  openssl(dir, 'req', ...newKey(name), '-out', `${name}.csr`, '-subj', `/CN=${name}`);
  const authority = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'extensions'];
  openssl(dir, 'x509', '-req', '-in', `${name}.csr`, ...authority, '-days', '30', '-out', `${name}.pem`);
  const read = (file: string): string => readFileSync(join(dir, file), 'utf8');
  return { certPem: read(`${name}.pem`), keyPem: read(`${name}.key`) };
}

const newKey = (name: string): string[] =>
  `-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ${name}.key`.split(' ');

function openssl(dir: string, ...args: readonly string[]): void {
  execFileSync('openssl', args, { cwd: dir, stdio: 'ignore' });
}
