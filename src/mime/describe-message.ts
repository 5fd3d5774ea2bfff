import { NO_FLAGS, type HeaderField, type MessageData } from '../mailbox/model/message.js';
import { decodeHeaderFields } from './header-fields.js';
import { parseStructure } from './parse-structure.js';
import { scanHeader } from './scan-header.js';

export interface DescribedMessage {
  /** Without flags: a message does not carry its own. */
  readonly data: MessageData;
  readonly headerFields: readonly HeaderField[];
}

/** Everything the mirror keeps of a message whose octets stand in memory. */
export async function describeMessage(octets: Buffer, fallbackDate: Date): Promise<DescribedMessage> {
  const { data, headerFields } = describeHeader(octets, octets.length, fallbackDate);
  const { root, textPreview, warnings } = await parseStructure([octets]);
  const parseWarnings = [...new Set([...data.parseWarnings, ...warnings])];
  return { data: { ...data, root, preview: textPreview ?? '', parseWarnings }, headerFields };
}

/**
 * What the header alone tells: enough to list a message, at a hundredth of the cost of reading it all.
 * @param octets the message, or its beginning
 */
export function describeHeader(octets: Buffer, sizeBytes: number, fallbackDate: Date): DescribedMessage {
  const {
    envelope,
    internalDate,
    contentType,
    warnings: parseWarnings,
    headerBytes,
  } = scanHeader(octets, fallbackDate);
  const looksAttached = contentType === 'multipart/mixed';
  return {
    data: { envelope, flags: NO_FLAGS, internalDate, sizeBytes, looksAttached, parseWarnings },
    headerFields: decodeHeaderFields(octets.subarray(0, headerBytes)),
  };
}
