import type { Account } from '../accounts/account.js';
import type { AccountConnection, StepListener } from './connection.port.js';
import type { Keeper } from './keeper.port.js';
import type { MailStorage, Protocol } from './model/protocol.js';

export interface VerifyResult {
  /** As announced after sign-in. */
  readonly serverCapabilities: readonly string[];
  /** IMAP: selectable mailboxes' paths. */
  readonly mailboxes?: readonly string[];
  /** POP3: messages in the maildrop. */
  readonly maildropMessages?: number;
  /** POP3: the server names its messages (UIDL). */
  readonly hasUidl?: boolean;
}

/** One mail protocol. `src/protocols.ts` lists them; everything else asks the registry. */
export interface ProtocolAdapter {
  readonly protocol: Protocol;
  readonly storage: MailStorage;
  readonly defaultPorts: { readonly tls: number; readonly plain: number };
  /**
   * Signs in, looks around, signs out; saves nothing.
   * @param onStep told of each step as it ends, the failed one too
   * @throws MailError of the step that failed
   */
  verify(connection: AccountConnection, onStep: StepListener, signal: AbortSignal): Promise<VerifyResult>;
  /** Makes the account's keeper without connecting; connections are opened when they are needed. */
  open(account: Account, connection: AccountConnection): Keeper;
}

/** All adapters, as an array. */
export const PROTOCOL_ADAPTERS = Symbol('PROTOCOL_ADAPTERS');
