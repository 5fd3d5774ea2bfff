import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { select } from './sql.js';

/** An analysis of so few takes some milliseconds. */
const firstRows = 200;
/** Those that conditions and orders go by; the wide ones cost most and tell least. */
const columns = 'account_id, id, mailbox_id, uid_validity, uid, thread_id, message_id, received_at, seen, flagged';

/**
 * Has Postgres look at `message` while it fills. Autovacuum comes a minute later at best, and till then the planner takes every
 * index for as good as any other: a first synchronisation reads the whole mailbox again for each of its batches.
 */
export class TableStatistics {
  private readonly log = new Logger(TableStatistics.name);
  private addedRows = 0;
  private wantedRows = firstRows;
  private running = false;

  constructor(private readonly dataSource: DataSource) {}

  /** Rows that were committed. Nobody waits for what follows from it. */
  added(rows: number): void {
    this.addedRows += rows;
    if (this.addedRows < this.wantedRows || this.running) return;
    this.running = true;
    void this.analyse().finally(() => (this.running = false));
  }

  private async analyse(): Promise<void> {
    try {
      let known = await this.knownRows();
      // Where others have looked lately, or the table is large beside what came, nothing is to be gained.
      if (this.addedRows >= known) {
        this.addedRows = 0;
        await select(this.dataSource, `ANALYZE message (${columns})`);
        known = await this.knownRows();
      }
      this.wantedRows = Math.max(firstRows, known);
    } catch (error) {
      this.log.debug({ error }, 'the table of messages could not be analysed');
    }
  }

  /** As of the last look; 0 before the first. */
  private async knownRows(): Promise<number> {
    const [row] = await select<{ reltuples: number }>(
      this.dataSource,
      `SELECT reltuples FROM pg_class WHERE oid = 'message'::regclass`,
    );
    return Math.max(0, row?.reltuples ?? 0);
  }
}
