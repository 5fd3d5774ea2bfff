import type { MailboxId, MessageId } from '../mailbox/model/ids.js';
import type { MessageData } from '../mailbox/model/message.js';
import type { MirroredRef } from '../store/mirror.port.js';

interface Described {
  readonly data: MessageData;
}

/** What one message is told from others by, besides its UID. */
export interface Identity {
  readonly emailId?: string;
  readonly messageId?: string;
  readonly sizeBytes: number;
  readonly internalDate: Date;
}

/**
 * Finds rows again whose UID is void: by the server's own id of the message (RFC 8474 EMAILID, X-GM-MSGID), else by Message-ID,
 * size and internal date, which a moved message keeps (RFC 6851 section 3.3) and a renumbered one too. Each is given out once.
 */
export class Recogniser {
  private readonly byEmailId = new Map<string, MirroredRef[]>();
  private readonly byContent = new Map<string, MirroredRef[]>();
  private readonly taken = new Set<MessageId>();

  /** @param mailboxId where the messages are that will be asked for */
  constructor(
    private readonly mailboxId: MailboxId,
    refs: readonly MirroredRef[],
  ) {
    for (const ref of refs) {
      if (ref.emailId !== undefined) push(this.byEmailId, ref.emailId, ref);
      push(this.byContent, contentKey(ref), ref);
    }
  }

  /**
   * One of this mailbox before one of another. Two other mailboxes that could both have given it are copies of one message: which
   * of them it is nobody can tell, and it is none of them.
   */
  take(message: Described): MirroredRef | undefined {
    if (this.byContent.size === 0) return undefined;
    const found = this.candidates(identityOf(message)).filter(({ id }) => !this.taken.has(id));
    const here = found.find(({ mailboxId }) => mailboxId === this.mailboxId);
    const ref = here ?? onlySource(found.filter(isTelling));
    if (ref) this.taken.add(ref.id);
    return ref;
  }

  private candidates(message: Identity): readonly MirroredRef[] {
    const same = message.emailId === undefined ? undefined : this.byEmailId.get(message.emailId);
    if (same) return same;
    return (this.byContent.get(contentKey(message)) ?? []).filter((ref) => mayBe(ref, message));
  }
}

/** @returns of `refs` those that one of the messages may be, by content */
export function lookalikes(refs: readonly MirroredRef[], messages: readonly Described[]): readonly MirroredRef[] {
  if (refs.length === 0) return [];
  const wanted = new Map<string, Identity>();
  for (const message of messages) {
    const identity = identityOf(message);
    wanted.set(contentKey(identity), identity);
    if (identity.emailId !== undefined) wanted.set(identity.emailId, identity);
  }
  return refs.filter((ref) => {
    const byId = ref.emailId !== undefined && wanted.has(ref.emailId);
    const like = wanted.get(contentKey(ref));
    return isTelling(ref) && (byId || (like !== undefined && mayBe(ref, like)));
  });
}

/** Whether it can be told in another mailbox: size and date alone are not enough. */
export const isTelling = ({ emailId, messageId }: MirroredRef): boolean =>
  emailId !== undefined || messageId !== undefined;

const onlySource = (refs: readonly MirroredRef[]): MirroredRef | undefined =>
  new Set(refs.map(({ mailboxId }) => mailboxId)).size === 1 ? refs[0] : undefined;

/** Where the server names both, other names are other messages, however alike. */
const mayBe = (a: Identity, b: Identity): boolean =>
  a.emailId === undefined || b.emailId === undefined || a.emailId === b.emailId;

export const identityOf = ({ data: { emailId, envelope, sizeBytes, internalDate } }: Described): Identity => ({
  emailId,
  messageId: envelope.messageId,
  sizeBytes,
  internalDate,
});

const contentKey = ({ messageId = '', sizeBytes, internalDate }: Identity): string =>
  `${internalDate.getTime()} ${sizeBytes} ${messageId}`;

function push(map: Map<string, MirroredRef[]>, key: string, ref: MirroredRef): void {
  const refs = map.get(key);
  if (refs) refs.push(ref);
  else map.set(key, [ref]);
}
