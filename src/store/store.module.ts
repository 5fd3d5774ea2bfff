import { Global, Module } from '@nestjs/common';
import { IMPORT_KEYS } from './import-keys.port.js';
import { ImportKeysRepository } from './import-keys.repository.js';
import { MIRROR_STORE } from './mirror.port.js';
import { PostgresMirrorStore } from './postgres-mirror.store.js';
import { SessionClients } from './session-client.js';

@Global()
@Module({
  providers: [
    SessionClients,
    { provide: MIRROR_STORE, useClass: PostgresMirrorStore },
    { provide: IMPORT_KEYS, useClass: ImportKeysRepository },
  ],
  exports: [SessionClients, MIRROR_STORE, IMPORT_KEYS],
})
export class StoreModule {}
