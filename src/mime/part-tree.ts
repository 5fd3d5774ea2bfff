import type { Part } from '../mailbox/model/message.js';

/** @param partNumber as in `Part`; also a number within an enclosed message, e.g. `2.1` */
export function findPart(root: Part, partNumber: string): Part | undefined {
  for (const part of walk(root)) if (part.partNumber === partNumber) return part;
  return undefined;
}

/** Octets after decoding, within a few per cent, for a part that has not been read. */
export function estimateDecodedSize(part: Part): number {
  // Base64 in lines of 76 and CR LF: 78 octets hold 57. Quoted-printable depends on the text; mostly it is plain.
  return part.encoding === 'base64' ? Math.floor((part.sizeBytes * 57) / 78) : part.sizeBytes;
}

function* walk(part: Part): Generator<Part> {
  yield part;
  for (const child of part.parts) yield* walk(child);
}
