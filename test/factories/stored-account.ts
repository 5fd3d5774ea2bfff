import type { DataSource } from 'typeorm';
import { uuidV7 } from '../../src/common/uuid.js';
import type { AccountId } from '../../src/mailbox/model/ids.js';
import { select } from '../../src/store/sql.js';

/** A row of `account` and nothing else, for tests of what hangs on one. */
export async function insertAccount(dataSource: DataSource, protocol: 'IMAP' | 'POP3' = 'IMAP'): Promise<AccountId> {
  const id = uuidV7() as AccountId;
  await select(
    dataSource,
    `INSERT INTO account (id, protocol, name, host, port, security, username, authentication, state, state_since, created_at)
     VALUES ($1, $2, 'a', 'h', 993, 'TLS', 'u', 'PASSWORD', 'ONLINE', now(), now())`,
    [id, protocol],
  );
  return id;
}
