import { Worker } from 'node:worker_threads';
import type { ByteSource } from '../byte-source.js';
import type { MessageStructure } from '../parse-structure.js';
import type { FromWorker, ToWorker } from './structure-messages.js';
import { STRUCTURE_THREAD } from './structure-thread-url.js';

/** A thread that says nothing for so long hangs. Reading 256 KiB takes some milliseconds. */
const silenceMs = 60_000;
/** Without work for so long it ends, and gives back its 30 MB. */
const restMs = 10_000;
/** Its parser holds about 1 MB for a message of any size. */
const resourceLimits = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 4 };

/** The thread has ended, for a message that it cannot read or for want of memory: for which of those it was reading is not known. */
export class StructureThreadError extends Error {}

interface Job {
  readonly onTaken: () => void;
  readonly onDone: (structure: MessageStructure) => void;
  readonly onFailure: (error: Error) => void;
}

/** Reads messages as MIME in a thread of its own, so that nobody waits for a large one. Started when it is first needed. */
export class StructureWorker {
  private worker: Worker | undefined;
  private readonly jobs = new Map<number, Job>();
  private lastJob = 0;
  /** Ends the thread: when it hangs, or when it has had nothing to do. */
  private end: NodeJS.Timeout | undefined;

  /**
   * One piece of the message is under way at a time.
   * @throws what `source` throws; StructureThreadError
   */
  async read(source: ByteSource): Promise<MessageStructure> {
    const id = (this.lastJob += 1);
    let taken = (): void => undefined;
    const structure = new Promise<MessageStructure>((resolve, reject) => {
      this.jobs.set(id, { onTaken: () => taken(), onDone: resolve, onFailure: reject });
    });
    // Awaited at the end only; until then `source` may throw first.
    structure.catch(() => undefined);
    try {
      for await (const octets of source) {
        const next = new Promise<void>((resolve) => (taken = resolve));
        this.send({ id, octets });
        await Promise.race([next, structure]);
      }
      this.send({ id });
      return await structure;
    } catch (error) {
      if (this.jobs.has(id)) this.send({ id, given: 'up' });
      throw error;
    } finally {
      this.jobs.delete(id);
      this.watch();
    }
  }

  async close(): Promise<void> {
    await this.worker?.terminate();
  }

  private send(message: ToWorker): void {
    this.worker ??= this.start();
    this.worker.postMessage(message);
    // Work for others is no sign of life of a thread that one is waiting for.
    if (this.jobs.size === 1) this.watch();
  }

  private start(): Worker {
    const worker = new Worker(STRUCTURE_THREAD, { resourceLimits });
    worker.unref();
    worker.on('message', (message: FromWorker) => this.receive(message));
    worker.on('error', (cause) =>
      this.fail(worker, new StructureThreadError('the thread that reads messages has failed', { cause })),
    );
    worker.on('exit', () => this.fail(worker, new StructureThreadError('the thread that reads messages has ended')));
    return worker;
  }

  private receive(message: FromWorker): void {
    this.watch();
    const job = this.jobs.get(message.id);
    if (!job) return;
    if ('structure' in message) job.onDone(message.structure);
    else job.onTaken();
  }

  private watch(): void {
    const { worker } = this;
    clearTimeout(this.end);
    if (!worker) return;
    const rests = this.jobs.size === 0;
    this.end = setTimeout(
      () => {
        if (rests) this.worker = undefined;
        void worker.terminate();
      },
      rests ? restMs : silenceMs,
    ).unref();
  }

  /** Every job fails with it; the next one starts a new thread. */
  private fail(worker: Worker, error: Error): void {
    if (this.worker !== worker) return;
    this.worker = undefined;
    clearTimeout(this.end);
    const jobs = [...this.jobs.values()];
    this.jobs.clear();
    for (const { onFailure } of jobs) onFailure(error);
  }
}
