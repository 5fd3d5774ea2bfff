import { invalidInput } from '../mailbox/mailbox.errors.js';
import type { Credentials } from '../credentials/credentials.js';
import type { Account, ImapAccount, Pop3Account, Pop3Policy, ServerSettings } from './account.js';
import type { AccountPatch, ImapPatch, NewAccount, Pop3Patch } from './account-input.js';

type Chosen = 'protocol' | 'name' | 'emailAddress' | 'server';

/** What a person decides about an account; the rest of `Account` is what the gateway has learnt. */
export type AccountSettings = Pick<ImapAccount, Chosen | 'onlyMailboxes'> | Pick<Pop3Account, Chosen | 'policy'>;

/** What an adapter would choose. */
export interface PortDefaults {
  readonly tls: number;
  readonly plain: number;
}

export function newSettings(input: NewAccount, ports: PortDefaults): AccountSettings {
  const { imap, pop3 } = input;
  const given = imap ?? pop3;
  if (!given) throw invalidInput(['input'], 'give exactly one of imap and pop3');
  const common = {
    name: input.name ?? input.emailAddress ?? given.username,
    emailAddress: input.emailAddress,
    server: newServer(given, ports),
  };
  if (imap) return { ...common, protocol: 'IMAP', onlyMailboxes: imap.mailboxes };
  return checked({ ...common, protocol: 'POP3', policy: policyOf(pop3!) });
}

function newServer(given: NonNullable<NewAccount['imap'] | NewAccount['pop3']>, ports: PortDefaults): ServerSettings {
  const { host, security, username, credentials } = given;
  const port = given.port ?? (security === 'TLS' ? ports.tls : ports.plain);
  return { host, port, security, username, authentication: methodOf(credentials) };
}

const policyOf = (given: Pop3Policy): Pop3Policy => ({
  afterDownload: given.afterDownload,
  deleteAfterDays: given.deleteAfterDays,
  deleteWhenExpunged: given.deleteWhenExpunged,
  pollIntervalSeconds: given.pollIntervalSeconds,
  maxMessageBytes: given.maxMessageBytes,
});

/** @throws MailError INVALID_INPUT where the patch is of the other protocol, or the two do not go together */
export function patchedSettings(account: Account, patch: AccountPatch): AccountSettings {
  const wrong = account.protocol === 'IMAP' ? 'pop3' : 'imap';
  if (patch[wrong]) throw invalidInput(['input', wrong], `this is an account of protocol ${account.protocol}`);
  const common = {
    name: patch.name ?? account.name,
    emailAddress: patched(patch.emailAddress, account.emailAddress),
    server: patchedServer(account.server, patch.imap ?? patch.pop3),
  };
  if (account.protocol === 'IMAP') {
    return { ...common, protocol: 'IMAP', onlyMailboxes: patched(patch.imap?.mailboxes, account.onlyMailboxes) };
  }
  return checked({ ...common, protocol: 'POP3', policy: patchedPolicy(account.policy, patch.pop3) });
}

function patchedServer(server: ServerSettings, patch: Partial<ImapPatch | Pop3Patch> = {}): ServerSettings {
  return {
    host: patch.host ?? server.host,
    port: patch.port ?? server.port,
    security: patch.security ?? server.security,
    username: patch.username ?? server.username,
    authentication: patch.credentials ? methodOf(patch.credentials) : server.authentication,
  };
}

function patchedPolicy(policy: Pop3Policy, patch: Partial<Pop3Patch> = {}): Pop3Policy {
  const afterDownload = patch.afterDownload ?? policy.afterDownload;
  // Days that came with a policy that is given up leave with it.
  const days = afterDownload === policy.afterDownload ? policy.deleteAfterDays : undefined;
  return {
    afterDownload,
    deleteAfterDays: patched(patch.deleteAfterDays, days),
    deleteWhenExpunged: patch.deleteWhenExpunged ?? policy.deleteWhenExpunged,
    pollIntervalSeconds: patch.pollIntervalSeconds ?? policy.pollIntervalSeconds,
    maxMessageBytes: patched(patch.maxMessageBytes, policy.maxMessageBytes),
  };
}

function checked(settings: Extract<AccountSettings, { protocol: 'POP3' }>): AccountSettings {
  const { afterDownload, deleteAfterDays } = settings.policy;
  const field = ['input', 'pop3', 'deleteAfterDays'];
  if (afterDownload === 'DELETE_AFTER_DAYS' && deleteAfterDays === undefined) {
    throw invalidInput(field, 'deleteAfterDays is needed with DELETE_AFTER_DAYS');
  }
  if (afterDownload !== 'DELETE_AFTER_DAYS' && deleteAfterDays !== undefined) {
    throw invalidInput(field, 'deleteAfterDays goes with DELETE_AFTER_DAYS only');
  }
  return settings;
}

const methodOf = ({ kind }: Credentials): ServerSettings['authentication'] =>
  kind === 'password' ? 'PASSWORD' : 'OAUTH2';

/** Absent leaves it alone, null takes it away. */
const patched = <T>(patch: T | null | undefined, now: T | undefined): T | undefined =>
  patch === undefined ? now : (patch ?? undefined);

export const sameServer = (a: ServerSettings, b: ServerSettings): boolean =>
  a.host === b.host && a.port === b.port && a.security === b.security && a.username === b.username;
