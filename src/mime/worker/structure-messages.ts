import type { MessageStructure } from '../parse-structure.js';

/** A piece of a message; without `octets` its end; `given: 'up'`: nothing more of it comes, and no answer is waited for. */
export interface ToWorker {
  readonly id: number;
  readonly octets?: Uint8Array;
  readonly given?: 'up';
}

/** The piece was taken, or the whole message was read. */
export type FromWorker = { readonly id: number } | { readonly id: number; readonly structure: MessageStructure };
