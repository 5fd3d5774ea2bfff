/** Of spent octets, in each thread, before they are collected. */
const waitingBytes = 2 * 1024 * 1024;
let spentBytes = 0;

/**
 * Octets have passed through in Buffers that nobody needs any more. V8 collects when its own heap fills; Buffers lie outside of
 * it, and it waits for 32 MiB of them in each thread. A stream of large pieces hardly touches the heap, so it is told here.
 * Without `--expose-gc` more memory waits, and nothing else changes.
 */
export function countSpent(bytes: number): void {
  spentBytes += bytes;
  if (spentBytes < waitingBytes) return;
  spentBytes = 0;
  globalThis.gc?.({ type: 'minor' });
}
