import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { AccountId, ContentId } from '../mailbox/model/ids.js';
import type { Message, ReadMessage } from '../mailbox/model/message.js';
import { hasAttachments } from '../mime/body-parts.js';
import type { MessageStructure } from '../mime/parse-structure.js';
import { StructureThreadError, StructureWorker } from '../mime/worker/structure-worker.js';
import type { MessageStructures } from './message-structures.port.js';
import { readPieces } from './read-pieces.js';
import { jsonText, select } from './sql.js';

/** Contents read side by side: while one comes from the database another is in the thread. */
const atOnce = 4;
const contentsPerRound = 50;

interface Structure {
  readonly contentId: ContentId;
  readonly read: MessageStructure;
}

/** Stands for what cannot be read, so that no list breaks over it; the octets can be downloaded all the same. */
const UNREADABLE: MessageStructure = {
  root: { partNumber: '1', contentType: 'application/octet-stream', sizeBytes: 0, parts: [] },
  warnings: ['message could not be read as MIME'],
};

const isRead = (message: Message): message is ReadMessage => message.root !== undefined;

/** Not logged as a change: what is read later was always so, and no field of the API shows less before. */
@Injectable()
export class PostgresMessageStructures implements MessageStructures, OnModuleDestroy {
  private readonly log = new Logger(PostgresMessageStructures.name);
  private readonly worker = new StructureWorker();
  /** By content: whoever comes second waits for the first. */
  private readonly reading = new Map<ContentId, Promise<MessageStructure>>();
  private readonly queue = new Set<AccountId>();
  private background: Promise<void> | undefined;
  private closed = false;

  constructor(private readonly dataSource: DataSource) {}

  async onModuleDestroy(): Promise<void> {
    this.closed = true;
    await this.worker.close();
    await this.background;
  }

  async complete(messages: readonly Message[]): Promise<readonly ReadMessage[]> {
    const unread = new Map<AccountId, Set<ContentId>>();
    for (const message of messages) {
      if (isRead(message)) continue;
      const { accountId, contentId } = message;
      // A message that only the log still knows may have none.
      if (contentId) unread.set(accountId, (unread.get(accountId) ?? new Set()).add(contentId));
    }
    const structures = new Map<ContentId, MessageStructure>();
    for (const [accountId, ids] of unread) {
      for (const { contentId, read } of await this.readAndSave(accountId, [...ids])) structures.set(contentId, read);
    }
    return messages.map((message) => (isRead(message) ? message : withStructure(message, structures)));
  }

  readSoon(accountId: AccountId): void {
    this.queue.add(accountId);
    this.background ??= this.readQueue().finally(() => (this.background = undefined));
  }

  private async readQueue(): Promise<void> {
    for (const accountId of this.queue) {
      this.queue.delete(accountId);
      try {
        for (
          let ids = await this.waiting(accountId);
          ids.length > 0 && !this.closed;
          ids = await this.waiting(accountId)
        ) {
          await this.readAndSave(accountId, ids);
        }
      } catch (error) {
        // The next visit asks again, and whoever wants to see a message has it read.
        if (!this.closed) this.log.warn({ accountId, error }, 'stored messages could not be read now');
      }
    }
  }

  private async waiting(accountId: AccountId): Promise<readonly ContentId[]> {
    const rows = await select<{ content_id: ContentId }>(
      this.dataSource,
      `SELECT DISTINCT content_id FROM message WHERE account_id = $1 AND parts IS NULL
       LIMIT ${contentsPerRound}`,
      [accountId],
    );
    return rows.map((row) => row.content_id);
  }

  private async readAndSave(accountId: AccountId, ids: readonly ContentId[]): Promise<readonly Structure[]> {
    const structures: Structure[] = [];
    const queue = ids.values();
    const work = async (): Promise<void> => {
      for (const contentId of queue) structures.push({ contentId, read: await this.read(accountId, contentId) });
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    await this.save(accountId, structures);
    return structures;
  }

  private read(accountId: AccountId, contentId: ContentId): Promise<MessageStructure> {
    const running = this.reading.get(contentId);
    if (running) return running;
    const started = this.readWith(this.worker, accountId, contentId)
      .catch((error: unknown) => this.readAlone(accountId, contentId, error))
      .finally(() => this.reading.delete(contentId));
    this.reading.set(contentId, started);
    return started;
  }

  /** A message that ends its thread has ended the reading of its neighbours too. Which one it was, this tells. */
  private async readAlone(accountId: AccountId, contentId: ContentId, error: unknown): Promise<MessageStructure> {
    if (!(error instanceof StructureThreadError) || this.closed) throw error;
    const worker = new StructureWorker();
    try {
      return await this.readWith(worker, accountId, contentId);
    } catch (again) {
      if (!(again instanceof StructureThreadError) || this.closed) throw again;
      this.log.error({ accountId, contentId, error: again }, 'a stored message cannot be read as MIME');
      return UNREADABLE;
    } finally {
      await worker.close();
    }
  }

  private readWith(worker: StructureWorker, accountId: AccountId, contentId: ContentId): Promise<MessageStructure> {
    return worker.read(readPieces(this.dataSource, accountId, contentId));
  }

  /** Copies share their octets, and so what was read in them. */
  private async save(accountId: AccountId, structures: readonly Structure[]): Promise<void> {
    if (structures.length === 0) return;
    const rows = structures.map(({ contentId, read }) => ({
      content_id: contentId,
      parts: read.root,
      preview: read.textPreview ?? '',
      has_attachments: hasAttachments(read.root),
      warnings: read.warnings,
    }));
    await select(
      this.dataSource,
      `UPDATE message m SET parts = r.parts, preview = r.preview, has_attachments = r.has_attachments,
         parse_warnings = ARRAY(SELECT DISTINCT w FROM unnest(m.parse_warnings || r.warnings) AS w)
       FROM jsonb_to_recordset($2::jsonb)
         AS r (content_id uuid, parts jsonb, preview text, has_attachments boolean, warnings text[])
       WHERE m.account_id = $1 AND m.content_id = r.content_id AND m.parts IS NULL`,
      [accountId, jsonText(rows)],
    );
  }
}

function withStructure(message: Message, structures: ReadonlyMap<ContentId, MessageStructure>): ReadMessage {
  const { root, textPreview, warnings } = structures.get(message.contentId!) ?? UNREADABLE;
  const parseWarnings = [...new Set([...message.parseWarnings, ...warnings])];
  return { ...message, root, preview: textPreview ?? '', hasAttachments: hasAttachments(root), parseWarnings };
}
