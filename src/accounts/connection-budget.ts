import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config, type ConnectionLimitsConfig } from '../config/config.js';
import type { ConnectionPermit } from '../mailbox/connection.port.js';
import { isMailError, MailError } from '../mailbox/mailbox.errors.js';
import type { AccountId } from '../mailbox/model/ids.js';

/** Whose turn it is to be. */
export interface Applicant {
  readonly host: string;
  /** Signs in on one connection at a time. Absent while settings are only being tried. */
  readonly accountId?: AccountId;
}

interface Waiter extends Applicant {
  admit(permit: ConnectionPermit): void;
}

interface Usage {
  connections: number;
  signIns: number;
}

/** Long: after a restart of a slow server the last of thousands of accounts waits for so many others. Callers have signals. */
const waitMs = 10 * 60_000;
const maxWaiting = 20_000;
const retryAfterMs = 30_000;

/**
 * Who may connect to which mail server, of all accounts and both protocols on this instance: so many connections and so many
 * sign-ins under way, to each host and in all, and one sign-in at a time for each account. Whoever came first is served first,
 * except that nobody waits for a host that is not theirs.
 */
@Injectable()
export class ConnectionBudget {
  private readonly limits: ConnectionLimitsConfig;
  /** In the order they came. */
  private readonly waiting = new Set<Waiter>();
  private readonly total: Usage = { connections: 0, signIns: 0 };
  private readonly hosts = new Map<string, Usage>();
  private readonly signingIn = new Set<AccountId>();
  private readonly leaving: Leaving = {
    signedIn: (applicant, connected) => {
      if (applicant.accountId !== undefined) this.signingIn.delete(applicant.accountId);
      this.count(applicant, 'signIns', -1);
      if (connected) this.admitNext();
    },
    released: (applicant) => {
      this.count(applicant, 'connections', -1);
      this.admitNext();
    },
  };

  constructor(@Inject(CONFIG) { connections }: Config) {
    this.limits = connections;
  }

  /**
   * Waits for its turn. The permit must be released when the connection is gone or was never made.
   * @throws MailError RATE_LIMITED when it takes too long, or too many wait already; else what `signal` says
   */
  async admit({ host, accountId }: Applicant, signal: AbortSignal): Promise<ConnectionPermit> {
    const applicant: Applicant = { host: host.toLowerCase(), accountId };
    if (signal.aborted) throw this.givenUp(applicant, signal);
    if (this.mayEnter(applicant)) return this.enter(applicant);
    if (this.waiting.size >= maxWaiting) throw this.full(applicant);
    return this.wait(applicant, signal);
  }

  private wait(applicant: Applicant, signal: AbortSignal): Promise<ConnectionPermit> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        this.waiting.delete(waiter);
      };
      const waiter: Waiter = { ...applicant, admit: (permit) => (leave(), resolve(permit)) };
      const onAbort = (): void => (leave(), reject(this.givenUp(applicant, signal)));
      const timer = setTimeout(() => (leave(), reject(this.full(applicant))), waitMs);
      signal.addEventListener('abort', onAbort, { once: true });
      this.waiting.add(waiter);
    });
  }

  private mayEnter({ host, accountId }: Applicant): boolean {
    if (accountId !== undefined && this.signingIn.has(accountId)) return false;
    return this.hasConnection(host) && this.hasSignIn(host);
  }

  private hasConnection(host: string): boolean {
    const { connections, connectionsPerHost } = this.limits;
    return this.total.connections < connections && this.usageOf(host).connections < connectionsPerHost;
  }

  private hasSignIn(host: string): boolean {
    const { signIns, signInsPerHost } = this.limits;
    return this.total.signIns < signIns && this.usageOf(host).signIns < signInsPerHost;
  }

  private usageOf(host: string): Readonly<Usage> {
    return this.hosts.get(host) ?? { connections: 0, signIns: 0 };
  }

  private enter(applicant: Applicant): ConnectionPermit {
    this.count(applicant, 'connections', 1);
    this.count(applicant, 'signIns', 1);
    if (applicant.accountId !== undefined) this.signingIn.add(applicant.accountId);
    return new Permit(applicant, this.leaving);
  }

  private count({ host }: Applicant, what: keyof Usage, by: number): void {
    const usage = this.hosts.get(host) ?? { connections: 0, signIns: 0 };
    usage[what] += by;
    this.total[what] += by;
    if (usage.connections > 0 || usage.signIns > 0) this.hosts.set(host, usage);
    else this.hosts.delete(host);
  }

  private admitNext(): void {
    const { connections, signIns } = this.limits;
    for (const waiter of this.waiting) {
      if (this.total.connections >= connections || this.total.signIns >= signIns) return;
      if (this.mayEnter(waiter)) waiter.admit(this.enter(waiter));
    }
  }

  private full({ host }: Applicant): MailError {
    const what = this.hasConnection(host) ? 'sign-ins under way' : 'connections open';
    return new MailError('RATE_LIMITED', `the gateway has as many ${what} as it allows itself; tried again later`, {
      retryAfterMs,
    });
  }

  /** A caller's deadline that passed while it waited here is not the mail server's fault. */
  private givenUp(applicant: Applicant, { reason }: AbortSignal): MailError {
    if (isMailError(reason)) return reason;
    if (isTimeout(reason)) return this.full(applicant);
    return new MailError('CONNECTION_FAILED', 'the connection was given up', { cause: reason, retryable: true });
  }
}

interface Leaving {
  signedIn(applicant: Applicant, connected: boolean): void;
  released(applicant: Applicant): void;
}

/** There is one for each open connection. */
class Permit implements ConnectionPermit {
  private signingIn = true;
  private connected = true;

  constructor(
    private readonly applicant: Applicant,
    private readonly leaving: Leaving,
  ) {}

  signedIn(): void {
    if (!this.signingIn) return;
    this.signingIn = false;
    this.leaving.signedIn(this.applicant, this.connected);
  }

  release(): void {
    if (!this.connected) return;
    this.connected = false;
    this.signedIn();
    this.leaving.released(this.applicant);
  }
}

/** As AbortSignal.timeout gives it: a DOMException, which not every realm takes for an Error. */
const isTimeout = (reason: unknown): boolean =>
  typeof reason === 'object' && reason !== null && 'name' in reason && reason.name === 'TimeoutError';
