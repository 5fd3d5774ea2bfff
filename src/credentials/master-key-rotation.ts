import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { ConfigError } from '../config/load-config.js';
import { CredentialRepository } from './credential.repository.js';
import { Vault } from './vault.js';

const batchSize = 100;

/** At start: refuses to run with a key that opens nothing, and brings every data key under the current one. */
@Injectable()
export class MasterKeyRotation implements OnModuleInit {
  private readonly log = new Logger(MasterKeyRotation.name);

  constructor(
    private readonly repository: CredentialRepository,
    private readonly vault: Vault,
  ) {}

  /** @throws ConfigError; nothing was touched then */
  async onModuleInit(): Promise<void> {
    const foreign = (await this.repository.masterKeyIds()).filter((id) => !this.vault.canOpen(id));
    if (foreign.length > 0) {
      throw new ConfigError([
        `MASTER_KEY: does not open the mail credentials in the database, which are sealed with another key ` +
          `(id ${foreign.join(', ')}; given: ${this.vault.currentKeyId}). Give that key; to change keys, give it as MASTER_KEY_PREVIOUS`,
      ]);
    }
    let total = 0;
    for (let count = batchSize; count === batchSize; total += count) {
      count = await this.repository.rewrapSome(this.vault.currentKeyId, batchSize, (id, key) =>
        this.vault.rewrap(id, key),
      );
    }
    if (total > 0) this.log.log({ accounts: total, under: this.vault.currentKeyId }, 'credentials rewrapped');
  }
}
