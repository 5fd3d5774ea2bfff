import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Readiness } from '../observability/readiness.js';
import { select } from './sql.js';

/** Without its database the gateway can serve nothing. */
@Injectable()
export class DatabaseReadiness implements OnModuleInit {
  constructor(
    private readonly dataSource: DataSource,
    private readonly readiness: Readiness,
  ) {}

  onModuleInit(): void {
    this.readiness.register('database', async () => (await select(this.dataSource, 'SELECT 1')).length === 1);
  }
}
