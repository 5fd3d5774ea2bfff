import type { Envelope } from '../../src/mailbox/model/message.js';

/** Of a message that says nothing of itself. */
export const emptyEnvelope: Envelope = {
  inReplyTo: [],
  references: [],
  from: [],
  sender: [],
  replyTo: [],
  to: [],
  cc: [],
  bcc: [],
};
