import { chmod, chown, mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { dovecotConfig, imapCapabilityWithout, oauth2Config, type DovecotPorts } from './dovecot-config.js';
import { DovecotProcess } from './dovecot-process.js';
import { findFreePorts } from './free-ports.js';
import { MaildirWriter } from './maildir.js';
import { runAs } from './run-as.js';
import { runDirectory } from './run-directory.js';
import { createTlsFixtures } from './tls-fixtures.js';
import { findUnprivilegedUser, type UnprivilegedUser } from './unprivileged-user.js';

export interface DovecotOptions {
  /** User name and password of those who exist from the start. */
  readonly users?: Readonly<Record<string, string>>;
  /** IMAP capabilities the server keeps to itself, e.g. `['CONDSTORE', 'QRESYNC']`. */
  readonly withoutCapabilities?: readonly string[];
  /** Whether Drafts, Sent, Junk, Trash and Archive are made at the first sign-in; `no` leaves only INBOX. */
  readonly specialUseMailboxes?: 'subscribe' | 'no';
  /** Sign-in by OAuth 2.0 tokens, beside passwords: where whose they are is asked for. */
  readonly introspectionUrl?: string;
  /**
   * Other settings of Dovecot 2.3, e.g. `pop3_no_flag_updates`, `pop3_uidl_format`, `pop3_lock_session`,
   * `pop3_delete_type`, `pop3_deleted_flag`.
   */
  readonly settings?: Readonly<Record<string, string>>;
}

/** One message as the server has it, asked for behind the back of IMAP and POP3. */
export interface DovecotMessage {
  readonly uid: number;
  /** Stays the same when the message is moved; what `pop3_uidl_format = %g` shows. */
  readonly guid: string;
  /** System flags and keywords in the server's order. */
  readonly flags: readonly string[];
  readonly sizeBytes: number;
  /** With its angle brackets; empty where the header is missing. */
  readonly messageId: string;
}

interface DovecotParts {
  readonly dir: string;
  readonly owner: UnprivilegedUser;
  readonly ports: DovecotPorts;
  readonly caPem: string;
}

const START_ATTEMPTS = 3;

/**
 * Starts a private Dovecot 2.3 (Debian: dovecot-imapd and dovecot-pop3d) on free loopback ports. Nothing of the
 * system's own configuration is read or written. Takes about 0.3 s.
 * @throws with the server's log when it does not come up
 */
export async function startDovecot(options: DovecotOptions = {}): Promise<Dovecot> {
  const owner = await findUnprivilegedUser();
  for (let attempt = 1; ; attempt += 1) {
    const dovecot = await prepare(owner, options);
    try {
      await dovecot.up();
      for (const [user, password] of Object.entries(options.users ?? {})) await dovecot.addUser(user, password);
      return dovecot;
    } catch (error) {
      await dovecot.stop();
      if (attempt === START_ATTEMPTS || !String(error).includes('Address already in use')) throw error;
    }
  }
}

async function prepare(owner: UnprivilegedUser, options: DovecotOptions): Promise<Dovecot> {
  const dir = await mkdtemp(join(runDirectory(), 'dovecot-'));
  const [imap = 0, imaps = 0, pop3 = 0, pop3s = 0] = await findFreePorts(4);
  const ports = { imap, imaps, pop3, pop3s };
  const tls = createTlsFixtures();
  const { withoutCapabilities, settings = {}, specialUseMailboxes = 'subscribe', introspectionUrl } = options;
  const imapCapability = withoutCapabilities && imapCapabilityWithout(withoutCapabilities);
  const files = {
    'dovecot.conf': dovecotConfig({
      dir,
      owner,
      ports,
      imapCapability,
      specialUseMailboxes,
      introspectionUrl,
      settings,
    }),
    ...(introspectionUrl !== undefined && { 'oauth2.conf': oauth2Config(introspectionUrl) }),
    'cert.pem': tls.certPem,
    'key.pem': tls.keyPem,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text, { mode: 0o644 });
  for (const name of ['users', 'home', 'mail']) {
    await mkdir(join(dir, name));
    await chown(join(dir, name), owner.uid, owner.gid);
  }
  await chown(dir, owner.uid, owner.gid);
  await chmod(dir, 0o755);
  return new Dovecot({ dir, owner, ports, caPem: tls.caPem });
}

/** A running Dovecot, with what only its administrator could do. */
export class Dovecot {
  readonly host = '127.0.0.1';
  /** Plain with STARTTLS, and TLS from the first byte. */
  readonly imap: { readonly port: number; readonly tlsPort: number };
  readonly pop3: { readonly port: number; readonly tlsPort: number };
  /** To be trusted by clients; the certificate is for `localhost` and 127.0.0.1. */
  readonly caPem: string;
  /** User name to password. */
  readonly users = new Map<string, string>();

  private readonly dir: string;
  private readonly owner: UnprivilegedUser;
  private readonly process: DovecotProcess;
  private readonly maildirs: MaildirWriter;
  private passwordsSet = 0;
  private readonly mailboxDirs = new Map<string, string>();

  /** Use {@link startDovecot}. */
  constructor({ dir, owner, ports, caPem }: DovecotParts) {
    this.dir = dir;
    this.owner = owner;
    this.caPem = caPem;
    this.imap = { port: ports.imap, tlsPort: ports.imaps };
    this.pop3 = { port: ports.pop3, tlsPort: ports.pop3s };
    this.process = new DovecotProcess(dir, owner);
    this.maildirs = new MaildirWriter(owner);
  }

  /** Brings the server back on the same ports after {@link down}. */
  async up(): Promise<void> {
    await this.process.start(this.imap.port);
  }

  /** Stops the server, closing every connection; users and mail stay. Dovecot takes a second for it. */
  async down(): Promise<void> {
    await this.process.stop();
  }

  /** Stops the server and removes everything it had. */
  async stop(): Promise<void> {
    await this.process.kill();
    await rm(this.dir, { recursive: true, force: true });
  }

  /** The last lines of the server's log. */
  logTail(lines?: number): Promise<string> {
    return this.process.logTail(lines);
  }

  /** Adds a user, or gives an existing one a new password; resolves when the server knows. */
  async addUser(user: string, password: string): Promise<void> {
    const file = join(this.dir, 'users', user);
    await writeFile(file, `${user}:{PLAIN}${password}\n`, { mode: 0o644 });
    // The server looks at a file it knows at most once a second, and reads it again when its size or second differs.
    this.passwordsSet += 1;
    await utimes(file, this.passwordsSet, this.passwordsSet);
    const known = this.users.has(user);
    this.users.set(user, password);
    this.mailboxDirs.set(dirKey(user, 'INBOX'), `${this.dir}/mail/${user}`);
    if (known) await this.passwordAccepted(user, password);
  }

  /** Runs `doveadm` and gives its standard output. @throws with its standard error when it fails. */
  doveadm(...args: readonly string[]): Promise<string> {
    return runAs(this.owner, 'doveadm', ['-c', `${this.dir}/dovecot.conf`, ...args]);
  }

  /**
   * New mail from outside. Delivered in order; the mailbox is made where it does not exist.
   * @param message octets as they are to be served; bare LFs come out as CRLF
   */
  async deliver(user: string, message: string | Uint8Array, options: DeliverOptions = {}): Promise<void> {
    const { mailbox = 'INBOX', receivedAt = new Date() } = options;
    const octets = typeof message === 'string' ? Buffer.from(message) : message;
    await this.maildirs.deliver(await this.findMailboxDir(user, mailbox), octets, receivedAt);
  }

  /** What is in a mailbox now, by UID. */
  async listMessages(user: string, mailbox = 'INBOX'): Promise<DovecotMessage[]> {
    const fields = 'uid guid flags size.virtual hdr.message-id';
    const json = await this.doveadm('-f', 'json', 'fetch', '-u', user, fields, 'mailbox', mailbox, 'all');
    const rows: Record<string, string>[] = JSON.parse(json);
    return rows.map((row) => ({
      uid: Number(row.uid),
      guid: row.guid ?? '',
      flags: (row.flags ?? '').split(' ').filter(Boolean),
      sizeBytes: Number(row['size.virtual']),
      messageId: row['hdr.message-id'] ?? '',
    }));
  }

  /** Cuts all connections of a user. */
  async kick(user: string): Promise<void> {
    await this.doveadm('kick', user);
  }

  /** The user's open connections, each as `doveadm who` shows it. */
  async sessions(user: string): Promise<string[]> {
    const lines = (await this.doveadm('who', '-1', user)).split('\n');
    return lines.filter((line) => line.startsWith(`${user} `) || line.startsWith(`${user}\t`));
  }

  private async findMailboxDir(user: string, mailbox: string): Promise<string> {
    if (!this.users.has(user)) throw new Error(`no such user: ${user}`);
    const known = this.mailboxDirs.get(dirKey(user, mailbox));
    if (known !== undefined) return known;
    const existing = await this.doveadm('mailbox', 'list', '-u', user, mailbox);
    if (existing.trim() === '') await this.doveadm('mailbox', 'create', '-u', user, mailbox);
    const path = (await this.doveadm('mailbox', 'path', '-u', user, mailbox)).trim();
    this.mailboxDirs.set(dirKey(user, mailbox), path);
    return path;
  }

  private async passwordAccepted(user: string, password: string): Promise<void> {
    const deadline = Date.now() + 5_000;
    while (Date.now() < deadline) {
      const accepted = await this.doveadm('auth', 'test', user, password).then(
        () => true,
        () => false,
      );
      if (accepted) return;
      await delay(50);
    }
    throw new Error(`Dovecot does not take the new password of ${user}\n${await this.logTail()}`);
  }
}

export interface DeliverOptions {
  /** Full path with `/`; INBOX by default. */
  readonly mailbox?: string;
  /** Internal date; now by default. */
  readonly receivedAt?: Date;
}

function dirKey(user: string, mailbox: string): string {
  return `${user}\n${mailbox}`;
}
