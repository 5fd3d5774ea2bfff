import type { AccountId } from '../mailbox/model/ids.js';
import type { Message, ReadMessage } from '../mailbox/model/message.js';

/**
 * Reads as MIME what was stored by its header alone. Nobody sees the difference: whoever asks for more of a message than its
 * header tells waits until it was read, which takes about a millisecond.
 */
export interface MessageStructures {
  /** The same messages in order, with tree, preview and warnings; those not read before are read now, and it is kept. */
  complete(messages: readonly Message[]): Promise<readonly ReadMessage[]>;
  /** What an account has waiting is read in the background, one account after the other. */
  readSoon(accountId: AccountId): void;
}

export const MESSAGE_STRUCTURES = Symbol('MESSAGE_STRUCTURES');
