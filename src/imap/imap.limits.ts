/** Bounds and deadlines of the IMAP adapter, in one place. Units are in the names. */

const second = 1_000;
const minute = 60 * second;
const MiB = 1024 * 1024;

/** Connections for commands; the watching one comes on top. Dovecot allows 10 for a user and address, Gmail 15 altogether. */
export const maxCommandSessions = 2;
/** Who waits for a connection longer than that many others is refused at once. */
export const maxWaiting = 100;
export const waitForSessionMs = 30 * second;
/** A connection nobody used for so long is closed. */
export const sessionIdleMs = minute;
/** After news of INBOX: more is likely, and shall find it open. */
export const newsSessionIdleMs = 4 * minute;
/** After a look that found nothing, or everything for the first time: accounts that all begin at once have one too many else. */
export const briefSessionIdleMs = 5 * second;
/** After so long without an octet a connection is asked whether it is still there, and has this long to answer. */
export const staleAfterMs = 90 * second;
export const probeTimeoutMs = 5 * second;

export const connectTimeoutMs = 15 * second;
export const greetingTimeoutMs = 20 * second;
/** Everything from the first packet to the end of the sign-in; some servers hold a refused password for five seconds. */
export const signInTimeoutMs = 60 * second;
/** Without one octet from the server while a command is running. */
export const commandTimeoutMs = 60 * second;
/** However much it says meanwhile: a server can chatter for ever. An upload has what it needs. */
export const commandMaxMs = 10 * minute;
/** While a message is sent the server says nothing; this is what a bad line carries. */
export const slowestUploadBytesPerMs = 32;
/** For the watching connection's questions: there a silent server must be noticed soon. */
export const watchTimeoutMs = 30 * second;
/** imapflow's own watchdog, as a second line behind ours. */
export const socketTimeoutMs = 5 * minute;
/** Servers that refuse a second sign-in while the first is open say so for a moment only (RFC 5530 [LIMIT], [INUSE]). */
export const tooManyConnectionsRetryMs = minute;
/** A refused secret is not offered again for so long. */
export const refusalRememberedMs = 30 * second;

/** One line. An ENVELOPE with 20,000 addresses has 2 MiB, a SEARCH over a million messages 8 MiB. */
export const maxLineBytes = 8 * MiB;
export const maxLiteralBytes = 8 * MiB;
export const maxResponseBytes = 24 * MiB;
export const maxResponseTokens = 500_000;
/** How long the rest of a FETCH that nobody wants any more may take before the connection is closed instead. */
export const abandonedFetchMs = 5 * second;

/** What is asked for at a time while a message is streamed: bounds memory, and how late an abort is noticed. */
export const streamChunkBytes = 512 * 1024;
export const maxHeaderBytes = 256 * 1024;
/** Messages of which all octets are asked for at once; `targetWindowBytes` bounds what they have together. */
export const maxBulkMessages = 500;
/** UIDs in one command line; servers cut lines at 8 KiB and more (RFC 7162 section 4). */
export const maxSetChars = 7_000;

/** The first window of a first synchronisation is what a person sees first. */
export const firstWindowMessages = 100;
export const minWindowMessages = 50;
export const maxWindowMessages = 2_000;
/** A window is made so large that about this many octets come from the server. */
export const targetWindowBytes = 4 * MiB;
/** Messages asked for one by one to find the one that makes the server hang up. */
export const maxIsolatedMessages = 300;
/** Of what a server says has vanished; of more, UIDs are compared instead. */
export const maxVanishedRanges = 100_000;
/** Rows of flags in one batch. */
export const flagBatchMessages = 10_000;
/** Without CONDSTORE: flags of so many newest messages are read each time, and of all of them this often. */
export const flagWindowMessages = 2_000;
export const flagSweepMs = 10 * minute;

/** Other mailboxes, and INBOX as a second witness beside IDLE. */
export const pollMs = minute;
export const pollWithoutIdleMs = 30 * second;
/** Where each mailbox costs a round trip of its own (no LIST-STATUS, RFC 5819). */
export const maxStatusPerPoll = 25;
/** Hints about one mailbox within this time become one. */
export const hintIntervalMs = 100;
