import { parentPort } from 'node:worker_threads';
import { countSpent } from '../../common/spent-octets.js';
import { parseStructure } from '../parse-structure.js';
import type { FromWorker, ToWorker } from './structure-messages.js';

/** The pieces of one message, as they are sent. */
class Pieces implements AsyncIterableIterator<Buffer> {
  private next_: ((result: IteratorResult<Buffer, undefined>) => void) | undefined;
  private waiting: IteratorResult<Buffer, undefined> | undefined;

  give(octets: Uint8Array | undefined): void {
    const result: IteratorResult<Buffer, undefined> = octets
      ? { done: false, value: Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength) }
      : { done: true, value: undefined };
    if (!this.next_) this.waiting = result;
    else {
      this.next_(result);
      this.next_ = undefined;
    }
  }

  next(): Promise<IteratorResult<Buffer, undefined>> {
    const { waiting } = this;
    this.waiting = undefined;
    return waiting ? Promise.resolve(waiting) : new Promise((resolve) => (this.next_ = resolve));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

const open = new Map<number, Pieces>();
const tell = (message: FromWorker): void => parentPort!.postMessage(message);

async function read(id: number, pieces: Pieces): Promise<void> {
  async function* acknowledged(): AsyncGenerator<Buffer> {
    for await (const octets of pieces) {
      yield octets;
      countSpent(octets.length);
      tell({ id });
    }
  }
  // What the parser throws is a defect of ours: it ends the thread, and the job with it.
  tell({ id, structure: await parseStructure(acknowledged()) });
}

parentPort!.on('message', ({ id, octets, given }: ToWorker) => {
  let pieces = open.get(id);
  if (given === 'up') {
    open.delete(id);
    return;
  }
  if (!pieces) {
    pieces = new Pieces();
    open.set(id, pieces);
    void read(id, pieces).then(() => open.delete(id));
  }
  pieces.give(octets);
});
