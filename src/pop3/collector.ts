import { POP3_LIMITS } from './pop3.limits.js';

const FIRST_BYTES = 64 * 1024;

/**
 * Gathers one message into one Buffer of its own: however small the pieces a server sends, each octet costs one octet. Sizes from
 * LIST are hints that may lie, so they only set where it begins.
 */
export class Collector {
  private buffer: Buffer;
  private length = 0;

  constructor(expectedBytes: number) {
    this.buffer = Buffer.allocUnsafe(Math.min(FIRST_BYTES, Math.max(512, expectedBytes + 64)));
  }

  /** @returns false when the message is larger than what is kept whole; these octets are then not taken */
  write(octets: Buffer): boolean {
    const needed = this.length + octets.length;
    if (needed > POP3_LIMITS.wholeMessageBytes) return false;
    if (needed > this.buffer.length) this.grow(needed);
    octets.copy(this.buffer, this.length);
    this.length = needed;
    return true;
  }

  /** What was gathered; never pins much more memory than that. */
  take(): Buffer {
    const octets = this.buffer.subarray(0, this.length);
    return this.length < this.buffer.length / 2 ? Buffer.from(octets) : octets;
  }

  private grow(needed: number): void {
    const larger = Buffer.allocUnsafe(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }
}
