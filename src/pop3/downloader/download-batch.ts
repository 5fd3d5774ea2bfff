import type { StoreBatch, Download, Recognised } from '../../store/download-ledger.port.js';

const maxMessages = 50;
const maxBytes = 4 * 1024 * 1024;
const maxAgeMs = 1_000;

/** Gathers what is stored in one transaction, and stores one batch while the next arrives. */
export class DownloadBatches {
  private downloads: Download[] = [];
  private recognised: Recognised[] = [];
  private bytes = 0;
  private sinceMs = 0;
  private storing: Promise<void> = Promise.resolve();

  constructor(private readonly store: (batch: Omit<StoreBatch, 'initial'>) => Promise<void>) {}

  /** Resolves when there is room for more. @throws what storing threw */
  async add(item: { download: Download } | { recognised: Recognised }, sizeBytes: number): Promise<void> {
    if (this.size === 0) this.sinceMs = Date.now();
    if ('download' in item) this.downloads.push(item.download);
    else this.recognised.push(item.recognised);
    this.bytes += sizeBytes;
    if (this.size >= maxMessages || this.bytes >= maxBytes || Date.now() - this.sinceMs >= maxAgeMs) await this.send();
  }

  /** Resolves when everything is committed. @throws what storing threw */
  async finish(): Promise<void> {
    if (this.size > 0) await this.send();
    await this.storing;
  }

  private get size(): number {
    return this.downloads.length + this.recognised.length;
  }

  private async send(): Promise<void> {
    await this.storing;
    const { downloads, recognised } = this;
    [this.downloads, this.recognised, this.bytes] = [[], [], 0];
    this.storing = this.store({ downloads, recognised });
    // Whoever comes next awaits it; until then a failure must not end the process.
    this.storing.catch(() => undefined);
  }
}
