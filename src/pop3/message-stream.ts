import type { Pop3Error } from './pop3.errors.js';

/** All pieces of a stream but its last have this size. */
export const STREAM_PIECE_BYTES = 256 * 1024;

interface StreamOwner {
  /** Called with the octets of each piece that was taken. */
  readonly onTaken: (bytes: number) => void;
  /** The reader left before the end. */
  readonly onAbandoned: () => void;
}

/**
 * A message on its way, for one reader: pieces of equal size, each valid until the next is asked for, when its memory is used
 * again. It ends only when the terminator was seen; a message that breaks off throws, and what was read of it must be thrown away.
 */
export class MessageStream implements AsyncIterableIterator<Buffer> {
  private readonly pieces: Buffer[] = [];
  private readonly free: Buffer[] = [];
  /** The piece that the reader has. */
  private lent?: Buffer;
  private piece: Buffer = Buffer.allocUnsafe(STREAM_PIECE_BYTES);
  private filled = 0;
  private state: 'open' | 'ended' | 'left' = 'open';
  private error?: Pop3Error;
  private wake?: () => void;

  constructor(private readonly owner: StreamOwner) {}

  /** The terminator was seen and every piece was taken. */
  get finished(): boolean {
    return this.state === 'left' || (this.state === 'ended' && this.pieces.length === 0);
  }

  write(octets: Buffer): void {
    for (let from = 0; from < octets.length;) {
      const taken = octets.copy(this.piece, this.filled, from);
      from += taken;
      this.filled += taken;
      if (this.filled === this.piece.length) this.cut(this.free.pop() ?? Buffer.allocUnsafe(STREAM_PIECE_BYTES));
    }
  }

  end(): void {
    if (this.filled > 0) this.cut(Buffer.alloc(0));
    this.state = 'ended';
    this.wake?.();
  }

  fail(error: Pop3Error): void {
    this.error = error;
    this.wake?.();
  }

  async next(): Promise<IteratorResult<Buffer, undefined>> {
    if (this.lent) this.free.push(this.lent);
    this.lent = undefined;
    while (this.state !== 'left') {
      if (this.error) throw this.error;
      const value = this.pieces.shift();
      if (value) {
        this.lent = value;
        this.owner.onTaken(value.length);
        return { done: false, value };
      }
      if (this.state === 'ended') break;
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<Buffer, undefined>> {
    if (!this.finished) this.owner.onAbandoned();
    this.state = 'left';
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private cut(next: Buffer): void {
    this.pieces.push(this.piece.subarray(0, this.filled));
    this.piece = next;
    this.filled = 0;
    this.wake?.();
  }
}
