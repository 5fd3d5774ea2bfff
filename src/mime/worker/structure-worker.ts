import { Worker } from 'node:worker_threads';
import type { ByteSource } from '../byte-source.js';
import type { MessageStructure } from '../parse-structure.js';
import type { FromWorker, ToWorker } from './structure-messages.js';
import { STRUCTURE_THREAD } from './structure-thread-url.js';

/** A thread that says nothing for so long hangs. Reading 256 KiB takes some milliseconds. */
const silenceMs = 60_000;
/** Its parser holds about 1 MB for a message of any size. */
const resourceLimits = { maxOldGenerationSizeMb: 256 };

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
  private silence: NodeJS.Timeout | undefined;

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
      if (this.jobs.size === 0) clearTimeout(this.silence);
    }
  }

  async close(): Promise<void> {
    await this.worker?.terminate();
  }

  private send(message: ToWorker): void {
    this.worker ??= this.start();
    this.worker.postMessage(message);
    this.silence ??= this.watch();
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
    clearTimeout(this.silence);
    this.silence = this.jobs.size > 0 ? this.watch() : undefined;
    const job = this.jobs.get(message.id);
    if (!job) return;
    if ('structure' in message) job.onDone(message.structure);
    else job.onTaken();
  }

  private watch(): NodeJS.Timeout {
    const { worker } = this;
    return setTimeout(() => void worker?.terminate(), silenceMs).unref();
  }

  /** Every job fails with it; the next one starts a new thread. */
  private fail(worker: Worker, error: Error): void {
    if (this.worker !== worker) return;
    this.worker = undefined;
    clearTimeout(this.silence);
    this.silence = undefined;
    const jobs = [...this.jobs.values()];
    this.jobs.clear();
    for (const { onFailure } of jobs) onFailure(error);
  }
}
