import { chown, mkdir, rename, utimes, writeFile } from 'node:fs/promises';
import type { UnprivilegedUser } from './unprivileged-user.js';

/**
 * Puts messages into a maildir the way a delivery agent does: written to tmp/, then renamed into new/.
 * Far quicker than a process for each message, and the server sees it as mail from outside.
 */
export class MaildirWriter {
  private delivered = 0;
  private readonly ready = new Set<string>();

  constructor(private readonly owner: UnprivilegedUser) {}

  /** @param receivedAt becomes the internal date, to the second */
  async deliver(maildir: string, message: Uint8Array, receivedAt: Date): Promise<void> {
    if (!this.ready.has(maildir)) await this.prepare(maildir);
    const name = this.nextName(message);
    await writeFile(`${maildir}/tmp/${name}`, message, { mode: 0o644 });
    await utimes(`${maildir}/tmp/${name}`, receivedAt, receivedAt);
    await rename(`${maildir}/tmp/${name}`, `${maildir}/new/${name}`);
  }

  private async prepare(maildir: string): Promise<void> {
    for (const dir of [maildir, `${maildir}/tmp`, `${maildir}/new`, `${maildir}/cur`]) {
      await mkdir(dir, { recursive: true });
      await chown(dir, this.owner.uid, this.owner.gid);
    }
    this.ready.add(maildir);
  }

  // The server numbers new files by the seconds and then the M field of their names, so both only ever grow.
  // S and W are the sizes as stored and with CRLF line ends, which saves the server from reading the file for them.
  private nextName(message: Uint8Array): string {
    this.delivered += 1;
    const usec = String(this.delivered % 1_000_000).padStart(6, '0');
    const sec = 1_700_000_000 + Math.floor(this.delivered / 1_000_000);
    return `${sec}.M${usec}P${process.pid}.test,S=${message.length},W=${message.length + countBareLf(message)}`;
  }
}

function countBareLf(message: Uint8Array): number {
  let count = 0;
  for (let at = message.indexOf(10); at !== -1; at = message.indexOf(10, at + 1)) {
    if (message[at - 1] !== 13) count += 1;
  }
  return count;
}
