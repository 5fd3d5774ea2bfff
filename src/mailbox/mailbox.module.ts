import { Module } from '@nestjs/common';
import { AccountsModule } from '../accounts/accounts.module.js';
import { MailboxExportService } from './mailbox-export.service.js';
import { MailboxService } from './mailbox.service.js';
import { MessageContentService } from './message-content.service.js';
import { MessageImportService } from './message-import.service.js';
import { MessageService } from './message.service.js';

@Module({
  imports: [AccountsModule],
  providers: [MailboxExportService, MailboxService, MessageContentService, MessageImportService, MessageService],
  exports: [MailboxExportService, MailboxService, MessageContentService, MessageImportService, MessageService],
})
export class MailboxModule {}
