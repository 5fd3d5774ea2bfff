import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { CONFIG, type Config } from '../config/config.js';
import { ChangeLogRepository } from './change-log.repository.js';

const intervalMs = 10 * 60_000;

/** Forgets changes that are older than the retention; readers that stood there get CURSOR_EXPIRED. */
@Injectable()
export class ChangeLogTrimmer implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(ChangeLogTrimmer.name);
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(ChangeLogRepository) private readonly changes: ChangeLogRepository,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => void this.trim(), intervalMs);
    this.timer.unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  private async trim(): Promise<void> {
    const retentionMs = this.config.limits.changeRetentionHours * 3_600_000;
    try {
      await this.changes.trim(new Date(Date.now() - retentionMs));
    } catch (error) {
      this.logger.warn({ reason: String(error) }, 'change log could not be trimmed; tried again later');
    }
  }
}
