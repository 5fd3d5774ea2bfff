import { once } from 'node:events';
import type { Response } from 'express';
import { MailError } from '../mailbox/mailbox.errors.js';

/** Small enough that even a slow client takes one in time. */
const maxWriteBytes = 64 * 1024;
/** A client that takes nothing for so long has gone away without a word. */
const stalledMs = 120_000;

/**
 * As fast as the client reads and no faster. Where octets are missing the connection is broken off.
 * @param gone aborts when the client has left
 * @throws what `octets` throws, and MailError TIMEOUT where the client takes nothing
 */
export async function sendOctets(
  response: Response,
  octets: AsyncIterable<Buffer>,
  gone: AbortSignal,
  patienceMs = stalledMs,
): Promise<void> {
  try {
    for await (const chunk of octets) {
      for (let at = 0; at < chunk.length; at += maxWriteBytes) {
        gone.throwIfAborted();
        if (!response.write(chunk.subarray(at, at + maxWriteBytes))) await drained(response, gone, patienceMs);
      }
    }
    response.end();
  } catch (error) {
    const left = gone.aborted;
    breakOff(response);
    if (!left) throw error;
  }
}

/** The status has been sent: a connection that breaks off is all that can still tell that octets are missing. */
function breakOff(response: Response): void {
  // Without chunks the end of the connection is the end of the answer, unless it is reset.
  if (response.req.httpVersion === '1.0') response.socket?.resetAndDestroy();
  response.destroy();
}

async function drained(response: Response, gone: AbortSignal, patienceMs: number): Promise<void> {
  const waiting = new AbortController();
  const stop = (): void => waiting.abort();
  const timer = setTimeout(stop, patienceMs);
  gone.addEventListener('abort', stop, { once: true });
  try {
    await once(response, 'drain', { signal: waiting.signal });
  } catch (error) {
    throw gone.aborted ? error : new MailError('TIMEOUT', 'the client takes nothing any more', { cause: error });
  } finally {
    clearTimeout(timer);
    gone.removeEventListener('abort', stop);
  }
}
