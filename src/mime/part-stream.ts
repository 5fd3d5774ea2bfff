import { notFound } from '../mailbox/mailbox.errors.js';
import type { ByteSource } from './byte-source.js';
import { MessageSplitter, type Token } from './message-splitter.js';
import { Warnings } from './warnings.js';

/**
 * The body of one part as it stands in the message, still encoded, while the message streams by; reads no further than
 * the part goes. Of a multipart: all between its header and what ends it, delimiters too.
 * @param source     the whole message
 * @param partNumber as `parseStructure` and IMAP give it; '' is the body of a multipart message
 * @throws MailError NOT_FOUND where the message has no such part; what `source` throws
 */
export async function* partStream(source: ByteSource, partNumber: string): AsyncGenerator<Buffer, void, undefined> {
  const splitter = new MessageSplitter(new Warnings());
  const selection = new Selection(partNumber);
  for await (const chunk of source) {
    yield* selection.octetsOf(splitter.write(chunk));
    if (selection.state === 'after') return;
  }
  yield* selection.octetsOf(splitter.end());
  if (selection.state === 'before') throw notFound('part');
}

class Selection {
  state: 'before' | 'inside' | 'after' = 'before';

  constructor(private readonly partNumber: string) {}

  *octetsOf(tokens: readonly Token[]): Generator<Buffer> {
    for (const token of tokens) {
      if (this.state === 'after') return;
      if ('octets' in token) {
        if (this.state === 'inside') yield token.octets;
      } else if (token.entity.partNumber === this.partNumber) {
        this.state = token.kind === 'open' ? 'inside' : 'after';
      }
    }
  }
}
