const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** Every bound of the POP3 client. Whatever a server sends, memory and time stay within these. */
export const POP3_LIMITS = {
  /** RFC 2449 section 4 says 512 with its CRLF; servers with long greetings exist, so twice that. */
  lineBytes: 1024,
  /** RFC 2449 section 4, with its CRLF. */
  commandBytes: 255,
  /** Answers to SASL challenges are no commands (RFC 5034 section 4); access tokens of 8 KiB exist. */
  saslResponseBytes: 64 * KIB,
  saslChallenges: 8,
  capabilityLines: 50,
  maildropMessages: 1_000_000,
  listingBytes: 100 * MIB,
  /** RFC 1939 section 7 says 70 characters; servers send more. A longer one is no identity. */
  uidlBytes: 255,

  /** RETRs under way at once, where the server has PIPELINING, and what they may weigh by LIST. */
  windowCommands: 100,
  windowBytes: 8 * MIB,
  /** A message above this is fetched alone and handed out as a stream; below it comes as one Buffer. */
  wholeMessageBytes: MIB,
  /** Where the account sets no bound of its own. */
  messageBytes: 1024 * MIB,
  /** Octets received and not yet taken: above this the socket is paused, at half of it resumed. */
  bufferedBytes: 8 * MIB,
  /** Of a message, in each `progressMs`; about 27 octets a second. */
  progressBytes: 16 * KIB,
} as const;

/** Milliseconds. */
export interface Pop3Timeouts {
  /** TCP, all addresses together. */
  readonly connectMs: number;
  readonly tlsMs: number;
  readonly greetingMs: number;
  /** From the moment a reply is the next one due to its whole status line, however it trickles in. */
  readonly replyMs: number;
  /** Between two octets of a message or listing; slow but steady is fine. Our own pauses do not count. */
  readonly idleMs: number;
  /** In which a message must end, or `progressBytes` of it come. Our own pauses do not count. */
  readonly progressMs: number;
  /** A whole CAPA, LIST or UIDL, so that no listing trickles for ever. */
  readonly listingMs: number;
}

export const POP3_TIMEOUTS: Pop3Timeouts = {
  connectMs: 30 * SECOND,
  tlsMs: 30 * SECOND,
  greetingMs: 60 * SECOND,
  replyMs: 90 * SECOND,
  idleMs: 90 * SECOND,
  progressMs: 10 * MINUTE,
  listingMs: 10 * MINUTE,
};
