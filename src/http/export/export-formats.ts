import { toPublicId } from '../../common/public-id.js';
import type { ExportedMessage } from '../../mailbox/mailbox-export.service.js';
import { toMaildir } from './maildir.js';
import { toMboxrd } from './mboxrd.js';
import { toTar, type TarFile } from './tar.js';

export interface ExportFormat {
  readonly contentType: string;
  readonly extension: string;
  readonly write: (messages: AsyncIterable<ExportedMessage>) => AsyncGenerator<Buffer>;
}

/** By the name that stands in the address. */
export const EXPORT_FORMATS: ReadonlyMap<string, ExportFormat> = new Map([
  ['mbox', { contentType: 'application/mbox', extension: 'mbox', write: toMboxrd }],
  ['eml', { contentType: 'application/x-tar', extension: 'eml.tar', write: toEmlFiles }],
  ['maildir', { contentType: 'application/x-tar', extension: 'maildir.tar', write: toMaildir }],
]);

async function* toEmlFiles(messages: AsyncIterable<ExportedMessage>): AsyncGenerator<Buffer> {
  yield* toTar(emlFiles(messages));
}

async function* emlFiles(messages: AsyncIterable<ExportedMessage>): AsyncGenerator<TarFile> {
  for await (const { message, sizeBytes, octets } of messages) {
    // Without colons, which Windows does not allow.
    const received = message.internalDate.toISOString().slice(0, 19).replaceAll(':', '-');
    const name = `${received}Z-${toPublicId('message', message.id)}.eml`;
    yield { name, sizeBytes, modifiedAt: message.internalDate, octets };
  }
}
