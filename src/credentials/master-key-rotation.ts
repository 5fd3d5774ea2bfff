import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { CredentialRepository } from './credential.repository.js';
import { Vault } from './vault.js';

const batchSize = 100;

/** Ends the start: the operator must give the right key, and nothing was touched. */
export class MasterKeyMissing extends Error {
  override readonly name = 'MasterKeyMissing';
}

/** At start: refuses to run with a key that opens nothing, and brings every data key under the current one. */
@Injectable()
export class MasterKeyRotation implements OnModuleInit {
  private readonly log = new Logger(MasterKeyRotation.name);

  constructor(
    private readonly repository: CredentialRepository,
    private readonly vault: Vault,
  ) {}

  /** @throws MasterKeyMissing */
  async onModuleInit(): Promise<void> {
    const foreign = (await this.repository.masterKeyIds()).filter((id) => !this.vault.canOpen(id));
    if (foreign.length > 0) {
      throw new MasterKeyMissing(
        `The stored mail credentials are sealed with another master key (${foreign.join(', ')}) than the one given ` +
          `(${this.vault.currentKeyId}). Give the right MASTER_KEY; to change keys, give the former one as MASTER_KEY_PREVIOUS.`,
      );
    }
    let total = 0;
    for (let count = batchSize; count === batchSize; total += count) {
      count = await this.repository.rewrapSome(this.vault.currentKeyId, batchSize, (id, key) =>
        this.vault.rewrap(id, key),
      );
    }
    if (total > 0) this.log.log({ accounts: total, masterKeyId: this.vault.currentKeyId }, 'credentials rewrapped');
  }
}
