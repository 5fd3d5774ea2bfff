import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
export function createTlsFixtures(): { caPem: string; certPem: string; keyPem: string } {
  const d = mkdtempSync('/tmp/tls-');
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-keyout',
      `${d}/ca.key`,
      '-out',
      `${d}/ca.pem`,
      '-subj',
      '/CN=Test CA',
      '-days',
      '30',
    ],
    { stdio: 'ignore' },
  );
  execFileSync(
    'openssl',
    [
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-keyout',
      `${d}/k.pem`,
      '-out',
      `${d}/c.csr`,
      '-subj',
      '/CN=localhost',
    ],
    { stdio: 'ignore' },
  );
  writeFileSync(`${d}/ext`, 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  execFileSync(
    'openssl',
    [
      'x509',
      '-req',
      '-in',
      `${d}/c.csr`,
      '-CA',
      `${d}/ca.pem`,
      '-CAkey',
      `${d}/ca.key`,
      '-CAcreateserial',
      '-out',
      `${d}/c.pem`,
      '-days',
      '30',
      '-extfile',
      `${d}/ext`,
    ],
    { stdio: 'ignore' },
  );
  const r = (f: string) => readFileSync(`${d}/${f}`, 'utf8');
  return { caPem: r('ca.pem'), certPem: r('c.pem'), keyPem: r('k.pem') };
}
