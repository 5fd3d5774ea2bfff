import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import type { AccountConnection, StepListener } from '../mailbox/connection.port.js';
import type { ServerKeeper } from '../mailbox/keeper.port.js';
import type { ProtocolAdapter, VerifyResult } from '../mailbox/protocol-adapter.js';
import { ImapConnector } from './imap.connector.js';
import { ImapKeeper } from './imap.keeper.js';
import { toRemoteMailbox } from './imap.mapping.js';
import { SignInSteps } from './imap.steps.js';

/** IMAP4rev1 and rev2 (RFC 3501, RFC 9051), spoken by imapflow: messages stay on the server and are mirrored. */
@Injectable()
export class ImapAdapter implements ProtocolAdapter {
  readonly protocol = 'IMAP';
  readonly storage = 'SERVER';
  readonly defaultPorts = { tls: 993, plain: 143 };

  async verify(account: AccountConnection, onStep: StepListener, signal: AbortSignal): Promise<VerifyResult> {
    const steps = new SignInSteps(onStep);
    const connection = await new ImapConnector(account).connect(signal, { steps });
    try {
      steps.begin('LIST');
      const mailboxes = (await connection.list(signal)).map(toRemoteMailbox).filter(({ selectable }) => selectable);
      steps.end(`${mailboxes.length} mailboxes`);
      return { serverCapabilities: connection.capabilities, mailboxes: mailboxes.map(({ path }) => path) };
    } catch (error) {
      steps.fail(error);
      throw error;
    } finally {
      await connection.logout();
    }
  }

  open(account: Account, connection: AccountConnection): ServerKeeper {
    const only = account.protocol === 'IMAP' ? account.onlyMailboxes : undefined;
    return new ImapKeeper(new ImapConnector(connection), only, connection.shares);
  }
}
