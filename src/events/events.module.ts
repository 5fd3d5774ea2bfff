import { Module } from '@nestjs/common';
import { ChangeFeed } from './change-feed.js';
import { ChangeLogRepository } from './change-log.repository.js';
import { ChangeLogTrimmer } from './change-log.trimmer.js';
import { EventService } from './event.service.js';

@Module({
  providers: [ChangeFeed, ChangeLogRepository, ChangeLogTrimmer, EventService],
  exports: [EventService],
})
export class EventsModule {}
