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
  const { envelope, internalDate, headerBytes, warnings } = scanHeader(octets, fallbackDate);
  const { root, textPreview, warnings: structureWarnings } = await parseStructure([octets]);
  const data: MessageData = {
    envelope,
    flags: NO_FLAGS,
    internalDate,
    sizeBytes: octets.length,
    root,
    preview: textPreview ?? '',
    parseWarnings: [...new Set([...warnings, ...structureWarnings])],
  };
  return { data, headerFields: decodeHeaderFields(octets.subarray(0, headerBytes)) };
}
