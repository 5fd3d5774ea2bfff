import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { CredentialsModule } from '../credentials/credentials.module.js';
import { AccountConnections } from './account-connections.js';
import { AccountIntake } from './account-intake.js';
import { AccountMetrics } from './account.metrics.js';
import { AccountStatusWriter } from './account-status.writer.js';
import { AccountEntity } from './account.entity.js';
import { AccountRepository } from './account.repository.js';
import { AccountService } from './account.service.js';
import { ConnectionBudget } from './connection-budget.js';
import { EndpointPolicyModule } from './endpoint-policy.module.js';

/** `ACCOUNT_LIFECYCLE` and the adapters come from modules that are global. */
@Module({
  imports: [TypeOrmModule.forFeature([AccountEntity]), CredentialsModule, EndpointPolicyModule],
  providers: [
    AccountConnections,
    AccountIntake,
    AccountMetrics,
    AccountRepository,
    AccountService,
    AccountStatusWriter,
    ConnectionBudget,
  ],
  exports: [AccountConnections, AccountRepository, AccountService, AccountStatusWriter],
})
export class AccountsModule {}
