import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemErrorCode } from '../common/system-error-code.js';

/**
 * The text of a secret file, written first where there is none yet: for the owner alone (0600), whole or not at all, and never
 * over one that another process wrote meanwhile.
 * @returns the file's text without surrounding white space
 */
export function readOrCreateSecret(path: string, create: () => string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
  // Others may pass through (the embedded database runs as another user under root), but not look around.
  mkdirSync(dirname(path), { recursive: true, mode: 0o711 });
  writeOnce(path, `${create()}\n`);
  return readFileSync(path, 'utf8').trim();
}

function writeOnce(path: string, text: string): void {
  const draft = `${path}.${randomUUID()}.tmp`;
  try {
    writeDurably(draft, text);
    linkSync(draft, path);
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
  } finally {
    unlinkSync(draft);
  }
  syncDirectory(dirname(path));
}

function writeDurably(path: string, text: string): void {
  const file = openSync(path, 'wx', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Makes the name last as well as the octets; Windows cannot open directories and needs no such thing. */
function syncDirectory(path: string): void {
  if (process.platform === 'win32') return;
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
