/**
 * Tells a slow server from one that trickles: an octet now and then keeps every deadline for a single octet, and would hold a
 * session for ever. In each stretch of time either a message must end, or so much of one must come. Knows no clock.
 */
export class ProgressGuard {
  private sinceMs = 0;
  private bytes = 0;

  constructor(
    private readonly windowMs: number,
    private readonly minBytes: number,
  ) {}

  /** Something was finished, or it was our own fault that nothing came. */
  restart(nowMs: number): void {
    this.sinceMs = nowMs;
    this.bytes = 0;
  }

  /** @returns false when too little came for too long */
  accept(bytes: number, nowMs: number): boolean {
    this.bytes += bytes;
    if (nowMs - this.sinceMs < this.windowMs) return true;
    const enough = this.bytes >= this.minBytes;
    this.restart(nowMs);
    return enough;
  }
}
