import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { Gauge, type Registry } from 'prom-client';
import { METRICS } from '../observability/metrics.js';
import { ACCOUNT_STATES } from './account.js';
import { AccountRepository } from './account.repository.js';

/** How many accounts are well, and how many need somebody: counted when it is asked for. */
@Injectable()
export class AccountMetrics implements OnModuleInit {
  constructor(
    private readonly repository: AccountRepository,
    @Inject(METRICS) private readonly registry: Registry,
  ) {}

  onModuleInit(): void {
    const { repository } = this;
    const accounts = new Gauge({
      name: 'mailroom_accounts',
      help: 'Accounts by state, over all instances',
      labelNames: ['state'],
      registers: [],
      async collect() {
        const counts = await repository.countByState();
        for (const state of ACCOUNT_STATES) this.set({ state }, counts.get(state) ?? 0);
      },
    });
    this.registry.registerMetric(accounts);
  }
}
