import { Global, Module } from '@nestjs/common';
import { DatabaseReadiness } from './database-readiness.js';
import { DOWNLOAD_LEDGER } from './download-ledger.port.js';
import { IMPORT_KEYS } from './import-keys.port.js';
import { ImportKeysRepository } from './import-keys.repository.js';
import { MESSAGE_STRUCTURES } from './message-structures.port.js';
import { MIRROR_STORE } from './mirror.port.js';
import { Notifications } from './notifications.js';
import { PostgresDownloadLedger } from './postgres-download-ledger.repository.js';
import { PostgresMessageStructures } from './postgres-message-structures.js';
import { PostgresMirrorStore } from './postgres-mirror.store.js';
import { SessionClients } from './session-client.js';

@Global()
@Module({
  providers: [
    DatabaseReadiness,
    Notifications,
    SessionClients,
    { provide: MIRROR_STORE, useClass: PostgresMirrorStore },
    { provide: DOWNLOAD_LEDGER, useClass: PostgresDownloadLedger },
    { provide: MESSAGE_STRUCTURES, useClass: PostgresMessageStructures },
    { provide: IMPORT_KEYS, useClass: ImportKeysRepository },
  ],
  exports: [Notifications, SessionClients, MIRROR_STORE, IMPORT_KEYS, DOWNLOAD_LEDGER, MESSAGE_STRUCTURES],
})
export class StoreModule {}
