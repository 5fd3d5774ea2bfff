import type { AccountConnection, StepListener } from '../mailbox/connection.port.js';
import type { VerifyResult } from '../mailbox/protocol-adapter.js';
import { Pop3Client } from './pop3.client.js';
import { runStep } from './steps.js';

/**
 * Signs in, counts, signs out; takes and deletes nothing.
 * @throws MailError of the step that failed
 */
export async function verifyPop3(
  connection: AccountConnection,
  onStep: StepListener,
  signal: AbortSignal,
): Promise<VerifyResult> {
  const client = await Pop3Client.connect(connection, { signal, onStep });
  try {
    const { messages, hasUidl } = await runStep('LIST', onStep, async () => {
      const { messages: count } = await client.stat();
      // A server that does not announce it may have it all the same.
      const value = {
        messages: count,
        hasUidl: client.capabilities?.uidl === true || (await client.uidl()) !== undefined,
      };
      return { value, detail: `${count} messages${value.hasUidl ? '' : ', no UIDL'}` };
    });
    await client.quit();
    return { serverCapabilities: client.capabilities?.lines ?? [], maildropMessages: messages, hasUidl };
  } finally {
    client.destroy();
  }
}
