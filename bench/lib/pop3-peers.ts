import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { runDirectory } from '../../test/servers/run-directory.js';
import { findUnprivilegedUser } from '../../test/servers/unprivileged-user.js';
import type { Maildrop } from './raw-pop3.js';

interface Peer {
  readonly name: string;
  /** The program, and the Debian package that has it. */
  readonly program: string;
  readonly debian: string;
  /** Files to be written below `dir` before it runs. */
  readonly files: (maildrop: Maildrop, dir: string) => Readonly<Record<string, string>>;
  readonly args: (maildrop: Maildrop, dir: string) => readonly string[];
}

const HOST = '127.0.0.1';

/** Each keeps the mail on the server and writes to disk the way it does it best. */
export const PEERS: readonly Peer[] = [
  {
    name: 'mpop (maildir, fsync)',
    program: 'mpop',
    debian: 'mpop',
    files: ({ port, user, password }, dir) => ({
      mpoprc:
        `account a\nhost ${HOST}\nport ${port}\nuser ${user}\npassword ${password}\nauth user\ntls off\n` +
        `keep on\npipelining on\nuidls_file ${dir}/uidls\ndelivery maildir ${dir}/mail\n`,
    }),
    args: (_, dir) => ['-C', `${dir}/mpoprc`, '-q', 'a'],
  },
  {
    name: 'fdm (maildir)',
    program: 'fdm',
    debian: 'fdm',
    files: ({ port, user, password }, dir) => ({
      'fdm.conf':
        `set lock-file "${dir}/lock"\naction "m" maildir "${dir}/mail"\nmatch all action "m"\n` +
        `account "a" pop3 server "${HOST}" port ${port} user "${user}" pass "${password}" no-apop keep\n`,
    }),
    args: (_, dir) => ['-q', '-f', `${dir}/fdm.conf`, 'fetch'],
  },
  {
    // Without a process for each message, and without fsync: as fast as it can be.
    name: 'fetchmail (bsmtp file)',
    program: 'fetchmail',
    debian: 'fetchmail',
    files: ({ port, user, password }, dir) => ({
      fetchmailrc:
        `set idfile ${dir}/ids\nset pidfile ${dir}/pid\n` +
        `poll ${HOST} protocol pop3 service ${port} uidl user "${user}" password "${password}" is nobody here\n` +
        `  sslproto '' keep bsmtp ${dir}/mail/new/all\n`,
    }),
    args: (_, dir) => ['-f', `${dir}/fetchmailrc`, '--silent', '--nodetach'],
  },
  {
    name: 'getmail6 (maildir, fsync)',
    program: 'getmail',
    debian: 'getmail6',
    files: ({ port, user, password }, dir) => ({
      getmailrc:
        `[retriever]\ntype = SimplePOP3Retriever\nserver = ${HOST}\nport = ${port}\nusername = ${user}\n` +
        `password = ${password}\n[destination]\ntype = Maildir\npath = ${dir}/mail/\n` +
        `[options]\nread_all = true\ndelete = false\nverbose = 0\n`,
    }),
    args: (_, dir) => [`--getmaildir=${dir}`, '--rcfile=getmailrc'],
  },
];

/** Whether the program is there. */
export async function isInstalled(program: string): Promise<boolean> {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const found = await Promise.allSettled(folders.map((folder) => access(join(folder, program))));
  return found.some(({ status }) => status === 'fulfilled');
}

/**
 * One download into a fresh folder, as an unprivileged user.
 * @returns ms; undefined when it was not done by the deadline
 * @throws with what the program said, when it failed or did not fetch everything
 */
export async function runPeer(
  peer: Peer,
  maildrop: Maildrop,
  { messages, deadlineMs }: { messages: number; deadlineMs: number },
): Promise<number | undefined> {
  const owner = await findUnprivilegedUser();
  const dir = await mkdtemp(join(runDirectory(), 'peer-'));
  try {
    for (const folder of ['mail', 'mail/new', 'mail/cur', 'mail/tmp']) await mkdir(join(dir, folder));
    for (const [name, text] of Object.entries(peer.files(maildrop, dir)))
      await writeFile(join(dir, name), text, { mode: 0o600 });
    for (const name of ['', ...(await readdir(dir, { recursive: true }))])
      await chown(join(dir, name), owner.uid, owner.gid);
    const startedMs = performance.now();
    const child = spawn(peer.program, peer.args(maildrop, dir), {
      uid: owner.uid,
      gid: owner.gid,
      cwd: dir,
      env: { PATH: process.env.PATH, HOME: dir, USER: owner.user, LOGNAME: owner.user, LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'pipe'],
      // fdm has children of its own, which are ended with it.
      detached: true,
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (said += text.toString()));
    let late = false;
    const impatience = setTimeout(() => {
      late = true;
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }, deadlineMs);
    const [status] = (await once(child, 'close')) as [number | null];
    clearTimeout(impatience);
    if (late) return undefined;
    const elapsedMs = performance.now() - startedMs;
    const stored = await storedIn(join(dir, 'mail', 'new'));
    if (status !== 0 || stored !== messages)
      throw new Error(`status ${status}, ${stored} of ${messages} stored: ${said.trim().slice(-300)}`);
    return elapsedMs;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function storedIn(folder: string): Promise<number> {
  const names = await readdir(folder);
  if (!names.includes('all')) return names.length;
  // fetchmail's one file, in which an envelope precedes each message.
  const text = await readFile(join(folder, 'all'), 'latin1');
  return text.match(/^MAIL FROM:/gm)?.length ?? 0;
}
