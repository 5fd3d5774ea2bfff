import { Injectable } from '@nestjs/common';
import { CredentialService, type DraftCredentials } from '../credentials/credential.service.js';
import type { Credentials } from '../credentials/credentials.js';
import { AdapterRegistry } from '../mailbox/adapter-registry.js';
import type { ConnectionStep, SecretSupplier } from '../mailbox/connection.port.js';
import { invalidInput, isMailError, MailError } from '../mailbox/mailbox.errors.js';
import type { ErrorCode } from '../mailbox/model/error-code.js';
import type { MailStorage, Protocol } from '../mailbox/model/protocol.js';
import type { VerifyResult } from '../mailbox/protocol-adapter.js';
import type { Account } from './account.js';
import { AccountConnections } from './account-connections.js';
import { parseAccountPatch, parseNewAccount, type AddAccountInput, type UpdateAccountInput } from './account-input.js';
import { newSettings, patchedSettings, sameServer, type AccountSettings } from './account-settings.js';
import { EndpointPolicy } from './endpoint-policy.js';
import { checkPolicy } from './pop3-policies.js';

export interface NewAccountIntake {
  readonly settings: AccountSettings;
  readonly credentials: DraftCredentials;
  readonly verify: boolean;
}

export interface AccountChange {
  readonly settings: AccountSettings;
  /** Given anew. */
  readonly credentials?: DraftCredentials;
  /** Another server, login or secret: what the gateway knows of the connection is void. */
  readonly reconnects: boolean;
  readonly verify: boolean;
}

/** What signing in told, or where it broke. */
export interface VerifyReport extends VerifyResult {
  readonly ok: boolean;
  /** What was tried, in order. */
  readonly steps: readonly ConnectionStep[];
  readonly error?: MailError;
}

const verifyDeadlineMs = 60_000;
/** Others' servers are not asked more often; the operator's own may be. */
const minPollSeconds = 60;

/** Turns what callers ask for into settings that hold, and tries them. */
@Injectable()
export class AccountIntake {
  constructor(
    private readonly adapters: AdapterRegistry,
    private readonly connections: AccountConnections,
    private readonly credentials: CredentialService,
    private readonly endpoints: EndpointPolicy,
  ) {}

  storageOf(protocol: Protocol): MailStorage {
    return this.adapters.get(protocol).storage;
  }

  /** @throws MailError INVALID_INPUT */
  take(input: AddAccountInput): NewAccountIntake {
    const parsed = parseNewAccount(input);
    const settings = newSettings(parsed, this.adapters.get(parsed.imap ? 'IMAP' : 'POP3').defaultPorts);
    this.check(settings);
    return { settings, credentials: this.credentials.draft(credentialsOf(parsed)), verify: parsed.verify };
  }

  /** @throws MailError INVALID_INPUT */
  takeChange(account: Account, input: UpdateAccountInput): AccountChange {
    const patch = parseAccountPatch(input);
    const settings = patchedSettings(account, patch);
    this.check(settings);
    const given = (patch.imap ?? patch.pop3)?.credentials;
    if (!given) checkSecretStays(account, settings);
    const elsewhere = !sameServer(account.server, settings.server);
    // Of another server nothing is known yet; signing in to it tells.
    if (!elsewhere && account.protocol === 'POP3' && patch.pop3?.afterDownload) {
      checkPolicy(patch.pop3.afterDownload, account.poll.lastPoll?.hasUidl);
    }
    return {
      settings,
      credentials: given && this.credentials.draft(given),
      reconnects: given !== undefined || elsewhere,
      verify: patch.verify,
    };
  }

  private check(settings: AccountSettings): void {
    const { security, host } = settings.server;
    const field = (name: string): readonly string[] => ['input', settings.protocol.toLowerCase(), name];
    if (!this.endpoints.allowsSecurity(security)) {
      throw invalidInput(field('security'), 'security NONE is not allowed by the policy of this gateway');
    }
    if (settings.protocol !== 'POP3' || this.endpoints.isOperatorsOwn(host)) return;
    if (settings.policy.pollIntervalSeconds < minPollSeconds) {
      throw invalidInput(field('pollIntervalSeconds'), `pollIntervalSeconds must be at least ${minPollSeconds}`);
    }
  }

  /** Signs in with what was taken; never throws what a server, or the way to it, is to blame for. */
  async verify(settings: AccountSettings, secret: SecretSupplier): Promise<VerifyReport> {
    const steps: ConnectionStep[] = [];
    const connection = this.connections.connectionTo(settings.server, secret);
    const signal = AbortSignal.timeout(verifyDeadlineMs);
    try {
      const result = await this.adapters.get(settings.protocol).verify(connection, (step) => steps.push(step), signal);
      if (settings.protocol === 'POP3') checkPolicy(settings.policy.afterDownload, result.hasUidl);
      return { ok: true, steps, ...result };
    } catch (error) {
      const known = signal.aborted ? new MailError('TIMEOUT', 'the mail server did not answer in time') : error;
      if (!isMailError(known)) throw error;
      return { ok: false, steps, serverCapabilities: [], error: withField(known, settings.protocol) };
    }
  }

  /** The same, with what the account has. */
  verifyStored(account: Account, settings: AccountSettings): Promise<VerifyReport> {
    return this.verify(settings, this.credentials.supplierFor(account.id));
  }
}

function credentialsOf({ imap, pop3 }: ReturnType<typeof parseNewAccount>): Credentials {
  const given = imap ?? pop3;
  if (!given) throw invalidInput(['input'], 'give exactly one of imap and pop3');
  return given.credentials;
}

/** Secrets can be written, never read: who may point an account elsewhere must not have its password sent there. */
function checkSecretStays({ server }: Account, settings: AccountSettings): void {
  const elsewhere = settings.server.host !== server.host;
  const inClear = settings.server.security === 'NONE' && server.security !== 'NONE';
  if (!elsewhere && !inClear) return;
  throw invalidInput(
    ['input', settings.protocol.toLowerCase(), 'credentials'],
    `credentials must be given again with another ${elsewhere ? 'host' : 'security'}`,
  );
}

const FIELD_OF: Partial<Record<ErrorCode, string>> = {
  HOST_FORBIDDEN: 'host',
  CONNECTION_FAILED: 'host',
  TLS_FAILED: 'security',
  AUTHENTICATION_FAILED: 'credentials',
};

/** Which part of the input is most likely to blame. */
function withField(error: MailError, protocol: Protocol): MailError {
  const name = FIELD_OF[error.code];
  if (error.field || !name) return error;
  const { retryAfterMs, retryable } = error;
  const field = ['input', protocol.toLowerCase(), name];
  return new MailError(error.code, error.message, { cause: error, field, retryAfterMs, retryable });
}
