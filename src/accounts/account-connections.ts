import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '../config/config.js';
import { CredentialService } from '../credentials/credential.service.js';
import type { AccountConnection, SecretSupplier } from '../mailbox/connection.port.js';
import { MailError } from '../mailbox/mailbox.errors.js';
import { ProtocolLogs } from '../observability/protocol-log.js';
import type { Account, ServerSettings } from './account.js';
import { ConnectionBudget } from './connection-budget.js';
import { EndpointPolicy } from './endpoint-policy.js';

/** Makes what an adapter needs to sign in. Nothing is dialled or read before it is used. */
@Injectable()
export class AccountConnections {
  constructor(
    private readonly credentials: CredentialService,
    private readonly endpoints: EndpointPolicy,
    private readonly budget: ConnectionBudget,
    private readonly protocolLogs: ProtocolLogs,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  connectionOf({ id, server }: Pick<Account, 'id' | 'server'>): AccountConnection {
    return {
      ...this.connectionTo(server, this.credentials.supplierFor(id)),
      accountId: id,
      admit: (signal) => this.budget.admit({ host: server.host, accountId: id }, signal),
      wireLog: this.protocolLogs.of(id),
    };
  }

  /** For settings that are only tried. */
  connectionTo(server: ServerSettings, secret: SecretSupplier): AccountConnection {
    const { host, port, security, username } = server;
    return {
      host,
      port,
      security,
      username,
      secret,
      resolve: async (signal) => {
        // The operator may have changed the policy since the account was added.
        if (!this.endpoints.allowsSecurity(security)) throw notEncrypted();
        return this.endpoints.resolveMailServer({ host, port }, signal);
      },
      admit: (signal) => this.budget.admit({ host }, signal),
      extraCa: this.config.mail.extraCa,
    };
  }
}

const notEncrypted = (): MailError =>
  new MailError('HOST_FORBIDDEN', "the gateway's policy does not allow connections without encryption");
