import { deflateRawSync, inflateRawSync } from 'node:zlib';

/** What is packed at once: enough for a few exchanges, of which one is much like the other. */
export const blockBytes = 1_024;

/** What stands in most protocol logs, so that the first of it takes no room either. */
const dictionary = Buffer.from(
  [
    '0 -: CONNECT ok, TLS ok, TLSv1.3, GREETING ok, SIGN_IN ok, RESOLVE ok, 127.0.0.1',
    '-: connection closed C: DONE',
    'S: * OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ AUTH=PLAIN] ready.',
    'C: 1 LOGIN ***',
    'S: 1 OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY THREAD=REFERENCES THREAD=REFS',
    ' THREAD=ORDEREDSUBJECT MULTIAPPEND URL-PARTIAL CATENATE UNSELECT CHILDREN NAMESPACE UIDPLUS LIST-EXTENDED I18NLEVEL=1',
    ' CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES WITHIN CONTEXT=SEARCH LIST-STATUS BINARY MOVE SNIPPET=FUZZY PREVIEW=FUZZY',
    ' PREVIEW STATUS=SIZE SAVEDATE LITERAL+ NOTIFY SPECIAL-USE] Logged in',
    'C: 2 NAMESPACE S: * NAMESPACE (("" "/")) NIL NIL S: 2 OK Namespace completed (0.001 + 0.000 secs).',
    'C: 3 ENABLE CONDSTORE UTF8=ACCEPT QRESYNC IMAP4rev2 S: * ENABLED CONDSTORE QRESYNC S: 3 OK Enabled.',
    'C: 4 EXAMINE INBOX C: 4 SELECT INBOX S: * FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)',
    'S: * OK [PERMANENTFLAGS ()] Read-only mailbox. S: * 1 EXISTS S: * 0 RECENT S: * OK [UNSEEN 1] First unseen.',
    'S: * OK [UIDVALIDITY 1795633300] UIDs valid S: * OK [UIDNEXT 2] Predicted next UID S: * OK [HIGHESTMODSEQ 1] Highest',
    'S: 4 OK [READ-ONLY] Examine completed [READ-WRITE] Select completed',
    'C: 5 UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE MODSEQ ENVELOPE BODYSTRUCTURE) S: * 1 FETCH (UID 1 FLAGS () ',
    'C: 6 NOOP S: 6 OK NOOP completed C: 7 LOGOUT S: * BYE Logging out S: 7 OK Logout completed',
    'C: 8 IDLE S: + idling C: DONE S: 8 OK Idle completed (60.001 + 59.999 + 60.000 secs).',
    'C: 9 LIST "" "*" RETURN (STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ) SPECIAL-USE CHILDREN SUBSCRIBED)',
    'S: * LIST (\\HasNoChildren \\Subscribed) "/" INBOX S: * STATUS INBOX (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 17 HIGHESTMODSEQ 1)',
    'S: 9 OK List completed (0.001 + 0.000 secs).',
  ].join('\n'),
);
/** Little memory while it works, and as good on so little text. */
const options = { dictionary, level: 9, windowBits: 12, memLevel: 5 };

/** @returns the octets as a text of as many characters below 256: a Buffer would take 200 octets more. */
export const pack = (lines: Buffer): string => deflateRawSync(lines, options).toString('latin1');

/** @param block made by `pack` */
export const unpack = (block: string): string => inflateRawSync(Buffer.from(block, 'latin1'), options).toString();
