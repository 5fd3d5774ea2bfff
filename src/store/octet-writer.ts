const maxOctetsPerUnit = 3;
const TWO_32 = 2 ** 32;
/** Where a UUID's octets stand in its text, between the dashes. */
const digitPairs = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/** '0' to '9' are 0x30 to 0x39, 'a' to 'f' 0x61 to 0x66. */
const digitOf = (code: number): number => (code <= 0x39 ? code - 0x30 : code - 0x57);

/** Writes values one behind the other, big endian, into a Buffer that grows. */
export class OctetWriter {
  private buffer: Buffer;
  private at = 0;

  constructor(expectedBytes: number) {
    this.buffer = Buffer.allocUnsafe(expectedBytes);
  }

  get size(): number {
    return this.at;
  }

  /** Not a copy: nothing may be written afterwards. */
  written(): Buffer {
    return this.buffer.subarray(0, this.at);
  }

  int8(value: number): void {
    this.reserve(1);
    this.at = this.buffer.writeInt8(value, this.at);
  }

  int16(value: number): void {
    this.reserve(2);
    this.at = this.buffer.writeInt16BE(value, this.at);
  }

  int32(value: number): void {
    this.reserve(4);
    this.at = this.buffer.writeInt32BE(value, this.at);
  }

  int64(value: number | bigint): void {
    this.reserve(8);
    if (typeof value === 'bigint') {
      this.at = this.buffer.writeBigInt64BE(value, this.at);
      return;
    }
    // Without making a bigint of each number.
    this.at = this.buffer.writeInt32BE(Math.floor(value / TWO_32), this.at);
    this.at = this.buffer.writeUInt32BE(((value % TWO_32) + TWO_32) % TWO_32, this.at);
  }

  octets(value: Buffer): void {
    this.reserve(value.length);
    this.at += value.copy(this.buffer, this.at);
  }

  /** UTF-8; half a surrogate pair becomes U+FFFD. */
  text(value: string): void {
    this.reserve(value.length * maxOctetsPerUnit);
    this.at += this.buffer.write(value, this.at);
  }

  /** @param value as Postgres and `uuidV7` give it, in lower case */
  uuid(value: string): void {
    this.reserve(16);
    for (const place of digitPairs) {
      const [high, low] = [digitOf(value.charCodeAt(place)), digitOf(value.charCodeAt(place + 1))];
      this.buffer[this.at++] = (high << 4) | low;
    }
  }

  /** The length of what is written until {@link endSized} comes before it, in four octets. @returns where it begins */
  beginSized(): number {
    this.int32(0);
    return this.at;
  }

  endSized(start: number): void {
    this.buffer.writeInt32BE(this.at - start, start - 4);
  }

  private reserve(bytes: number): void {
    const needed = this.at + bytes;
    if (needed <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.at);
    this.buffer = larger;
  }
}
