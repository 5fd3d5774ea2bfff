import type { LookupAddress } from 'node:dns';
import { Inject, Injectable } from '@nestjs/common';
import { LinkedAbort } from '../common/linked-abort.js';
import { systemErrorCode } from '../common/system-error-code.js';
import { CONFIG, type Config, type MailPolicyConfig } from '../config/config.js';
import type { CheckedEndpoint } from '../mailbox/connection.port.js';
import { MailError } from '../mailbox/mailbox.errors.js';
import type { ConnectionSecurity } from '../mailbox/model/protocol.js';
import { isInNetworks, isPublicAddress } from './address-policy.js';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** `lookup` of `node:dns/promises`: the system's own way from name to addresses, `/etc/hosts` included. */
type Lookup = (host: string, options: { all: true }) => Promise<LookupAddress[]>;
export const DNS_LOOKUP = Symbol('DNS_LOOKUP');

const lookupDeadlineMs = 10_000;
const maxAddresses = 16;
const httpsPort = 443;

/**
 * Decides which hosts and ports the gateway dials for its users. A name is resolved here, once, and every address it has must be
 * allowed; the connection then goes to these addresses, so the name cannot resolve elsewhere in between (DNS rebinding).
 */
@Injectable()
export class EndpointPolicy {
  private readonly mail: MailPolicyConfig;

  constructor(
    @Inject(CONFIG) config: Config,
    @Inject(DNS_LOOKUP) private readonly lookup: Lookup,
  ) {
    this.mail = config.mail;
  }

  allowsSecurity(security: ConnectionSecurity): boolean {
    return security !== 'NONE' || this.mail.allowPlaintext;
  }

  /** Whether the operator named this host itself, or the network its address is written of. */
  isOperatorsOwn(host: string): boolean {
    const { networks, hosts } = this.mail.hostAllow;
    return hosts.includes(host.toLowerCase()) || isInNetworks(host, networks);
  }

  /** @throws MailError HOST_FORBIDDEN, CONNECTION_FAILED (the name does not resolve), TIMEOUT */
  resolveMailServer(endpoint: Endpoint, signal: AbortSignal): Promise<CheckedEndpoint> {
    return this.resolve(endpoint, [], signal);
  }

  /** For https only; the caller has checked the scheme. @throws the same */
  resolveWebServer(endpoint: Endpoint, signal: AbortSignal): Promise<CheckedEndpoint> {
    return this.resolve(endpoint, [httpsPort], signal);
  }

  private async resolve(
    { host, port }: Endpoint,
    ports: readonly number[],
    signal: AbortSignal,
  ): Promise<CheckedEndpoint> {
    const { portAllow } = this.mail;
    if (portAllow !== 'any' && !portAllow.includes(port) && !ports.includes(port)) throw forbidden();
    const addresses = await this.lookupAll(host, signal);
    if (addresses.length === 0 || !addresses.every((address) => this.allows(host, address))) throw forbidden();
    return { host, port, addresses };
  }

  private allows(host: string, address: string): boolean {
    return isPublicAddress(address) || this.isOperatorsOwn(host) || isInNetworks(address, this.mail.hostAllow.networks);
  }

  private async lookupAll(host: string, signal: AbortSignal): Promise<readonly string[]> {
    signal.throwIfAborted();
    const deadline = new LinkedAbort(signal, AbortSignal.timeout(lookupDeadlineMs));
    try {
      const found = await Promise.race([this.lookup(host, { all: true }), rejectedBy(deadline.signal)]);
      return found.slice(0, maxAddresses).map(({ address }) => address);
    } catch (error) {
      signal.throwIfAborted();
      if (deadline.signal.aborted) throw new MailError('TIMEOUT', 'the name of the server was not resolved in time');
      throw new MailError('CONNECTION_FAILED', 'the name of the server does not resolve', {
        cause: error,
        // A name that does not exist will not tomorrow either; a resolver that is away comes back.
        retryable: systemErrorCode(error) !== 'ENOTFOUND',
      });
    } finally {
      deadline.unlink();
    }
  }
}

/** One text for every reason: which address a name has inside the operator's network is nobody's business. */
const forbidden = (): MailError =>
  new MailError('HOST_FORBIDDEN', "the gateway's policy does not allow connecting to this host and port");

/** A lookup cannot be called off (getaddrinfo); it can be left behind. */
const rejectedBy = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('given up')), { once: true }));
