import type { UnprivilegedUser } from './unprivileged-user.js';

export interface DovecotConfigInput {
  /** Short: the paths of the sockets below it must fit 107 octets. */
  readonly dir: string;
  readonly owner: UnprivilegedUser;
  readonly ports: DovecotPorts;
  /** What is announced after sign-in; undefined leaves it to the server. */
  readonly imapCapability: string | undefined;
  /** Whether Drafts, Sent, Junk, Trash and Archive are made and subscribed at the first sign-in. */
  readonly specialUseMailboxes: 'subscribe' | 'no';
  /** Where a token is asked for whose it is (RFC 7662); undefined: no sign-in by token. */
  readonly introspectionUrl: string | undefined;
  /** Further settings, e.g. `pop3_no_flag_updates: 'yes'`. */
  readonly settings: Readonly<Record<string, string>>;
}

export interface DovecotPorts {
  readonly imap: number;
  readonly imaps: number;
  readonly pop3: number;
  readonly pop3s: number;
}

/** What Dovecot 2.3.19 announces after sign-in when left alone. Its setting can only replace the list, not shorten it. */
const IMAP_CAPABILITIES =
  `IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY THREAD=REFERENCES THREAD=REFS
  THREAD=ORDEREDSUBJECT MULTIAPPEND URL-PARTIAL CATENATE UNSELECT CHILDREN NAMESPACE UIDPLUS LIST-EXTENDED I18NLEVEL=1
  CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES WITHIN CONTEXT=SEARCH LIST-STATUS BINARY MOVE SNIPPET=FUZZY PREVIEW=FUZZY
  PREVIEW STATUS=SIZE SAVEDATE LITERAL+ NOTIFY SPECIAL-USE`.split(/\s+/);

/** The list without some of it. Dovecot still understands what it does not announce. */
export function imapCapabilityWithout(absent: readonly string[]): string {
  return IMAP_CAPABILITIES.filter((capability) => !absent.includes(capability)).join(' ');
}

/** A whole Dovecot 2.3 configuration that lives in one directory and needs no root. */
export function dovecotConfig(input: DovecotConfigInput): string {
  const { dir, owner, ports } = input;
  const settings = {
    base_dir: `${dir}/run`,
    state_dir: `${dir}/state`,
    log_path: `${dir}/log`,
    listen: '127.0.0.1',
    protocols: 'imap pop3',
    default_internal_user: owner.user,
    default_internal_group: owner.group,
    default_login_user: owner.user,
    first_valid_uid: '1',
    first_valid_gid: '1',
    mail_uid: String(owner.uid),
    mail_gid: String(owner.gid),
    mail_location: `maildir:${dir}/mail/%u`,
    mail_fsync: 'never',
    ssl: 'yes',
    ssl_cert: `<${dir}/cert.pem`,
    ssl_key: `<${dir}/key.pem`,
    disable_plaintext_auth: 'no',
    auth_failure_delay: '0',
    // Without it a new message is seen through inotify, but still 500 ms late: that delay is a constant of Dovecot.
    mailbox_idle_check_interval: '1s',
    mail_max_userip_connections: '1000',
    default_process_limit: '500',
    default_client_limit: '2000',
    ...(input.imapCapability === undefined ? {} : { imap_capability: input.imapCapability }),
    ...(input.introspectionUrl === undefined ? {} : { auth_mechanisms: 'plain login xoauth2 oauthbearer' }),
    ...input.settings,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  return [
    ...lines,
    services(ports),
    input.introspectionUrl === undefined ? '' : tokens(dir),
    users(dir),
    namespace(input.specialUseMailboxes),
    '',
  ].join('\n');
}

// The penalty is a delay that grows with each refused password of an address, and all tests have the same address.
// Login processes are kept and shared (service_count 0): one process for each sign-in costs 20 ms.
function services(ports: DovecotPorts): string {
  return `
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  chroot =
}
service imap-login {
  chroot =
  service_count = 0
  process_min_avail = 1
  inet_listener imap {
    port = ${ports.imap}
  }
  inet_listener imaps {
    port = ${ports.imaps}
    ssl = yes
  }
}
service pop3-login {
  chroot =
  service_count = 0
  process_min_avail = 1
  inet_listener pop3 {
    port = ${ports.pop3}
  }
  inet_listener pop3s {
    port = ${ports.pop3s}
    ssl = yes
  }
}`;
}

const tokens = (dir: string): string => `
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = ${dir}/oauth2.conf
}`;

/** How Dovecot asks about a token. */
export const oauth2Config = (introspectionUrl: string): string =>
  [
    'introspection_mode = post',
    `introspection_url = ${introspectionUrl}`,
    'username_attribute = username',
    'active_attribute = active',
    'active_value = true',
    '',
  ].join('\n');

// One file for each user: a shared one is read again at most once a second, so a user just added might not be found.
function users(dir: string): string {
  return `
passdb {
  driver = passwd-file
  args = scheme=plain ${dir}/users/%u
}
userdb {
  driver = static
  args = home=${dir}/home/%u
}`;
}

function namespace(auto: 'subscribe' | 'no'): string {
  const mailboxes = ['Drafts', 'Sent', 'Junk', 'Trash', 'Archive'].map(
    (name) => `
  mailbox ${name} {
    special_use = \\${name}
    auto = ${auto}
  }`,
  );
  return `
namespace inbox {
  inbox = yes
  separator = /${mailboxes.join('')}
}`;
}
