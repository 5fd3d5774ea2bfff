import { Inject, Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import type { AccountConnection, StepListener } from '../mailbox/connection.port.js';
import type { Keeper } from '../mailbox/keeper.port.js';
import type { ProtocolAdapter, VerifyResult } from '../mailbox/protocol-adapter.js';
import { DOWNLOAD_LEDGER, type DownloadLedger } from '../store/download-ledger.port.js';
import { MIRROR_STORE, type MirrorStore } from '../store/mirror.port.js';
import { Downloader } from './downloader/downloader.js';
import { Pop3Keeper } from './pop3.keeper.js';
import { verifyPop3 } from './pop3.verify.js';

/** POP3 (RFC 1939): the server hands messages over, the gateway keeps them. */
@Injectable()
export class Pop3Adapter implements ProtocolAdapter {
  readonly protocol = 'POP3';
  readonly storage = 'GATEWAY';
  readonly defaultPorts = { tls: 995, plain: 110 };

  constructor(
    @Inject(MIRROR_STORE) private readonly mirror: MirrorStore,
    @Inject(DOWNLOAD_LEDGER) private readonly ledger: DownloadLedger,
  ) {}

  verify(connection: AccountConnection, onStep: StepListener, signal: AbortSignal): Promise<VerifyResult> {
    return verifyPop3(connection, onStep, signal);
  }

  open(account: Account, connection: AccountConnection): Keeper {
    if (account.protocol !== 'POP3') throw new Error(`not a POP3 account: ${account.id}`);
    return new Pop3Keeper(new Downloader(account, connection, this.ledger), this.mirror);
  }
}
