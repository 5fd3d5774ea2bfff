import type { LedgerRow } from '../../store/download-ledger.port.js';
import type { MaildropEntry } from '../maildrop.js';
import type { Check } from './plan-visit.js';

/** What is known of a message that was read in this session. */
export interface MessageIdentity {
  readonly sha256: string;
  readonly headerSha256?: string;
}

type RowsBy = ReadonlyMap<string, readonly LedgerRow[]>;

/** Finds out which listed messages are stored here already. Each row stands for one message, so each is given once. */
export class Recognition {
  private readonly bySha: RowsBy;
  private readonly byHeader: RowsBy;
  private readonly byUidl: RowsBy;
  private readonly taken = new Set<LedgerRow>();

  constructor(private readonly rows: readonly LedgerRow[]) {
    this.bySha = groupBy(rows, ({ sha256 }) => sha256);
    this.byHeader = groupBy(rows, ({ headerSha256 }) => headerSha256);
    this.byUidl = groupBy(rows, ({ uidl }) => uidl);
  }

  /**
   * By the same octets, which may have another id now; or by the same id and the same header, for mbox servers keep flags in it.
   * What was deleted for certain comes back only under its own id, if there are ids.
   */
  takeByOctets({ uidl }: MaildropEntry, { sha256, headerSha256 }: MessageIdentity): LedgerRow | undefined {
    const same = (this.bySha.get(sha256) ?? []).filter(
      (row) => row.state !== 'DELETED' || row.uidl === uidl || uidl === undefined,
    );
    return (
      this.take(same.filter((row) => row.uidl === uidl)) ?? this.take(same) ?? this.takeUnderId(uidl, headerSha256)
    );
  }

  /** Under a new id only where the size is the same too. */
  takeByHeader({ kind, uidl, sizeBytes }: Check, headerSha256: string | undefined): LedgerRow | undefined {
    if (kind !== 'renumbered') return this.takeUnderId(uidl, headerSha256);
    if (headerSha256 === undefined || sizeBytes === undefined) return undefined;
    const same = this.byHeader.get(headerSha256) ?? [];
    return this.take(same.filter((row) => row.state !== 'DELETED' && row.listSizeBytes === sizeBytes));
  }

  /** Where no header can be had: the one stored message that is listed once under its id. */
  takeById({ uidl }: MaildropEntry): LedgerRow | undefined {
    const here = this.under(uidl).filter((row) => row.state === 'STORED' && row.onServer);
    return here.length === 1 ? this.take(here) : undefined;
  }

  /** Rows that no message turned out to be. */
  untaken(): readonly LedgerRow[] {
    return this.rows.filter((row) => !this.taken.has(row));
  }

  private takeUnderId(uidl: string | undefined, headerSha256: string | undefined): LedgerRow | undefined {
    if (headerSha256 === undefined) return undefined;
    return this.take(this.under(uidl).filter((row) => row.headerSha256 === headerSha256));
  }

  private under(uidl: string | undefined): readonly LedgerRow[] {
    return (uidl !== undefined && this.byUidl.get(uidl)) || [];
  }

  private take(rows: readonly LedgerRow[]): LedgerRow | undefined {
    const row = rows.find((candidate) => !this.taken.has(candidate));
    if (row) this.taken.add(row);
    return row;
  }
}

function groupBy(rows: readonly LedgerRow[], key: (row: LedgerRow) => string | undefined): RowsBy {
  const groups = new Map<string, LedgerRow[]>();
  for (const row of rows) {
    const value = key(row);
    if (value === undefined) continue;
    const group = groups.get(value);
    if (group) group.push(row);
    else groups.set(value, [row]);
  }
  return groups;
}
