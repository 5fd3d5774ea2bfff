import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';

const lookEveryMs = 60_000;
/** Of one core. A thousand idle accounts take a fifth of it. */
const restingShare = 0.25;
/** V8's heap has grown by so much since the last time. */
const worthwhileGrowth = 1.1;
/** A collection stops everything for about a millisecond for each MB; never for more than this part of the time. */
const mostShare = 1 / 500;

interface Reading {
  readonly atMs: number;
  readonly cpuMs: number;
}

/**
 * Has V8 collect and compact when there is next to nothing to do. By itself it hardly ever compacts: where a thousand accounts have
 * signed in, what is left of each lies among holes, and twice the memory is held that is used. Without `--expose-gc` that stays so,
 * and nothing else changes.
 */
@Injectable()
export class IdleCollector implements OnApplicationBootstrap, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;
  private last = read();
  private heapBytes = 0;
  private notBeforeMs = 0;

  onApplicationBootstrap(): void {
    if (globalThis.gc) this.timer = setInterval(() => this.look(), lookEveryMs).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  private look(): void {
    const { last } = this;
    this.last = read();
    const share = (this.last.cpuMs - last.cpuMs) / (this.last.atMs - last.atMs);
    if (share > restingShare || this.last.atMs < this.notBeforeMs) return;
    if (getHeapStatistics().total_heap_size > this.heapBytes * worthwhileGrowth) this.collect();
  }

  private collect(): void {
    const startedMs = performance.now();
    collectAndCompact();
    const endedMs = performance.now();
    this.notBeforeMs = endedMs + (endedMs - startedMs) / mostShare;
    this.heapBytes = getHeapStatistics().total_heap_size;
    this.last = read();
  }
}

/** The flag is read at the beginning of a collection. Always on it would make each one longer, also where there is much to do. */
function collectAndCompact(): void {
  setFlagsFromString('--compact-on-every-full-gc');
  try {
    globalThis.gc?.();
  } finally {
    setFlagsFromString('--no-compact-on-every-full-gc');
  }
}

function read(): Reading {
  const { user, system } = process.cpuUsage();
  return { atMs: performance.now(), cpuMs: (user + system) / 1_000 };
}
