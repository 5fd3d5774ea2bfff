import { limitExceeded, protocolViolation } from '../pop3.errors.js';

/** How a server ends its lines. LF only for one whose greeting already ended in a bare LF, and then for the whole session. */
export type LineEnding = 'CRLF' | 'LF';

const CR = 0x0d;
const LF = 0x0a;

/**
 * Cuts replies and listings into lines, holding at most one unfinished line. Only `ending` ends a line: the other ending is a
 * violation, because a server that changes its mind about line ends cannot be told from a message that plays server.
 */
export class LineDecoder {
  /** Of the chunk given to `next`, up to where it was read. */
  position = 0;
  private held: Buffer[] = [];
  private heldBytes = 0;

  /** @param ending undefined: not known yet; the first line decides */
  constructor(
    private readonly maxBytes: number,
    public ending?: LineEnding,
  ) {}

  /**
   * Reads on from `start`.
   * @returns the line without its ending (valid while the chunk is), or undefined when the chunk ends before the line does
   * @throws Pop3Error `limit` for a line above the bound, `protocol` for a wrong line ending
   */
  next(chunk: Buffer, start: number): Buffer | undefined {
    const end = chunk.indexOf(LF, start);
    const part = chunk.subarray(start, end === -1 ? chunk.length : end + 1);
    this.position = start + part.length;
    if (this.heldBytes + part.length > this.maxBytes) throw limitExceeded(`a line above ${this.maxBytes} octets`);
    if (end === -1) {
      this.hold(part);
      return undefined;
    }
    return this.finish(this.heldBytes === 0 ? part : this.release(part));
  }

  private hold(part: Buffer): void {
    if (part.length === 0) return;
    this.held.push(part);
    this.heldBytes += part.length;
  }

  private release(last: Buffer): Buffer {
    const line = Buffer.concat([...this.held, last]);
    this.held = [];
    this.heldBytes = 0;
    return line;
  }

  private finish(line: Buffer): Buffer {
    const ending = line.at(-2) === CR ? 'CRLF' : 'LF';
    this.ending ??= ending;
    if (ending !== this.ending) throw protocolViolation(`a line ends in ${ending} and the greeting did not`);
    return line.subarray(0, ending === 'CRLF' ? -2 : -1);
  }
}
