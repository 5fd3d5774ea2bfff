/** Octets a row of stored content: a message of any size passes through memory in pieces. */
const PIECE_BYTES = 256 * 1024;

/** At least one, so that an empty message is still there. */
export function piecesOf(octets: Buffer): Buffer[] {
  const count = Math.max(1, Math.ceil(octets.length / PIECE_BYTES));
  return Array.from({ length: count }, (_, i) => octets.subarray(i * PIECE_BYTES, (i + 1) * PIECE_BYTES));
}
