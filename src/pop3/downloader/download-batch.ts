import type { AccountId } from '../../mailbox/model/ids.js';
import type { HeaderField } from '../../mailbox/model/message.js';
import type { Download, DownloadLedger, Recognised } from '../../store/download-ledger.port.js';
import { OneAhead } from './one-ahead.js';

const ageMs = 1_000;
const octetLimits = { items: 50, bytes: 1024 * 1024, ageMs };
const rowLimits = { items: 200, bytes: 4 * 1024 * 1024, ageMs };

/** A message in hand. */
export interface Arrival {
  readonly download: Download;
  readonly octets: Buffer;
  readonly headerFields: readonly HeaderField[];
}

type Row = { readonly download: Download } | { readonly recognised: Recognised };

/**
 * Carries a visit's finds into the database in two steps, each working while the next batch is gathered: octets as they come, and
 * after them, in fewer and larger transactions, the rows that make them messages.
 */
export class DownloadBatches {
  private readonly octets: OneAhead<Arrival>;
  private readonly rows: OneAhead<Row>;

  /** @param initial found by the first visit: not news */
  constructor(
    private readonly ledger: DownloadLedger,
    private readonly accountId: AccountId,
    private readonly epoch: bigint,
    private readonly initial: boolean,
  ) {
    this.octets = new OneAhead<Arrival>(octetLimits, (arrivals) => this.storeOctets(arrivals));
    this.rows = new OneAhead<Row>(rowLimits, (rows) => this.storeRows(rows));
  }

  /** Resolves when there is room for more. @throws what storing threw */
  addArrival(arrival: Arrival): Promise<void> {
    return this.octets.add(arrival, arrival.octets.length);
  }

  /** Octets that are in the database already. */
  addRow(row: Row): Promise<void> {
    // A row is at most as large as the header that it was made from.
    return this.rows.add(row, 'download' in row ? row.download.data.sizeBytes : 0);
  }

  /** Resolves when everything is committed, also what came before a failure. @throws what storing threw */
  async finish(): Promise<void> {
    try {
      await this.octets.finish();
    } finally {
      await this.rows.finish();
    }
  }

  private async storeOctets(arrivals: readonly Arrival[]): Promise<void> {
    const contents = arrivals.map(({ download: { contentId: id, sha256 }, octets, headerFields }) => ({
      id,
      octets,
      sha256: Buffer.from(sha256, 'hex'),
      headerFields,
    }));
    await this.ledger.storeOctets(this.accountId, contents);
    for (const { download } of arrivals) await this.addRow({ download });
  }

  private storeRows(rows: readonly Row[]): Promise<void> {
    return this.ledger.store(this.accountId, this.epoch, {
      downloads: rows.flatMap((row) => ('download' in row ? row.download : [])),
      recognised: rows.flatMap((row) => ('recognised' in row ? row.recognised : [])),
      initial: this.initial,
    });
  }
}
