import type { Part } from '../mailbox/model/message.js';
import type { ByteSource } from './byte-source.js';
import { MAX_SAMPLE_BYTES, MAX_SAMPLES } from './mime.limits.js';
import { MessageSplitter, type Entity, type Token } from './message-splitter.js';
import { previewOf } from './part-preview.js';
import { Warnings } from './warnings.js';

export interface MessageStructure {
  readonly root: Part;
  /** One line, at most 256 characters; absent where the message has no text. */
  readonly textPreview?: string;
  readonly warnings: readonly string[];
}

type GrowingPart = { -readonly [Key in keyof Part]: Key extends 'parts' ? GrowingPart[] : Part[Key] };

/**
 * Reads the MIME tree and the start of the text in one pass. Holds one header section and the samples for the preview,
 * whatever the size of the message: about 1 MB.
 * @param source the whole message
 * @returns      always a tree: where a message cannot be read as MIME, it is one text part, and a warning says so
 * @throws       only what `source` throws
 */
export async function parseStructure(source: ByteSource): Promise<MessageStructure> {
  const warnings = new Warnings();
  const splitter = new MessageSplitter(warnings);
  const tree = new TreeBuilder();
  for await (const chunk of source) tree.add(splitter.write(chunk));
  const { root, samples } = tree.finish(splitter.end());
  const textPreview = previewOf(root, samples);
  return { root, ...(textPreview !== '' && { textPreview }), warnings: warnings.list() };
}

class TreeBuilder {
  private readonly samples = new Map<string, Buffer[]>();
  private readonly open: { part: GrowingPart; bodyAt: number; sample?: Sample }[] = [];
  private root: GrowingPart | undefined;

  add(tokens: readonly Token[]): void {
    for (const token of tokens) {
      if (token.kind === 'open') this.openPart(token.entity, token.at);
      else if (token.kind === 'body') this.open.at(-1)?.sample?.add(token.octets);
      else if (token.kind === 'close') this.closePart(token.at);
    }
  }

  finish(tokens: readonly Token[]): { root: Part; samples: ReadonlyMap<string, readonly Buffer[]> } {
    this.add(tokens);
    const empty: Part = { partNumber: '1', contentType: 'text/plain', encoding: '7bit', sizeBytes: 0, parts: [] };
    return { root: this.root ?? empty, samples: this.samples };
  }

  private openPart(entity: Entity, bodyAt: number): void {
    const part = newPart(entity);
    const parent = this.open.at(-1)?.part;
    if (parent) parent.parts.push(part);
    else this.root ??= part;
    this.open.push({ part, bodyAt, sample: this.startSample(part) });
  }

  private closePart(at: number): void {
    const closed = this.open.pop();
    if (closed) closed.part.sizeBytes = at - closed.bodyAt;
  }

  private startSample(part: Part): Sample | undefined {
    const readable = part.contentType === 'text/plain' || part.contentType === 'text/html';
    if (!readable || part.disposition === 'attachment' || this.samples.size >= MAX_SAMPLES) return undefined;
    const chunks: Buffer[] = [];
    this.samples.set(part.partNumber, chunks);
    return new Sample(chunks);
  }
}

class Sample {
  private room = MAX_SAMPLE_BYTES;

  constructor(private readonly chunks: Buffer[]) {}

  add(octets: Buffer): void {
    if (this.room <= 0) return;
    this.chunks.push(Buffer.from(octets.subarray(0, this.room)));
    this.room -= octets.length;
  }
}

function newPart({ headers, partNumber, kind }: Entity): GrowingPart {
  const { boundary: _boundary, encoding, ...described } = headers;
  return { partNumber, ...described, ...(kind !== 'multipart' && { encoding }), sizeBytes: 0, parts: [] };
}
