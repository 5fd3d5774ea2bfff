/** Octets in a row of stored content: a message of any size passes through memory in pieces. */
export const PIECE_BYTES = 256 * 1024;
