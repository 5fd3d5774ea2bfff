import { NO_FLAGS, type HeaderField, type MessageData } from '../mailbox/model/message.js';
import type { ByteSource } from './byte-source.js';
import { decodeHeaderFields, readHeader } from './header-fields.js';
import { parseStructure, type MessageStructure } from './parse-structure.js';
import { scanHeader, type HeaderScan } from './scan-header.js';

export interface DescribedMessage {
  /** Without flags: a message does not carry its own. */
  readonly data: MessageData;
  readonly headerFields: readonly HeaderField[];
}

/** Everything the mirror keeps of a message whose octets stand in memory. */
export async function describeMessage(octets: Buffer, fallbackDate: Date): Promise<DescribedMessage> {
  const scan = scanHeader(octets, fallbackDate);
  const structure = await parseStructure([octets]);
  return described(scan, structure, octets.subarray(0, scan.headerBytes), octets.length);
}

/**
 * The same of a message of any size, which is read twice and never held.
 * @param open gives the octets from their beginning, each time it is called
 */
export async function describeStream(
  open: () => ByteSource,
  sizeBytes: number,
  fallbackDate: Date,
): Promise<DescribedMessage> {
  const header = await readHeader(open());
  return described(scanHeader(header, fallbackDate), await parseStructure(open()), header, sizeBytes);
}

function described(
  { envelope, internalDate, warnings }: HeaderScan,
  { root, textPreview, warnings: structureWarnings }: MessageStructure,
  header: Buffer,
  sizeBytes: number,
): DescribedMessage {
  const parseWarnings = [...new Set([...warnings, ...structureWarnings])];
  const data = { envelope, flags: NO_FLAGS, internalDate, sizeBytes, root, preview: textPreview ?? '', parseWarnings };
  return { data, headerFields: decodeHeaderFields(header) };
}
