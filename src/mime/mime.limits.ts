/** Bounds on what a message may make us do. Real mail stays far below all of them; a cut is told in `parseWarnings`. */

/** Octets of one header section that are read; the rest of it is skipped. */
export const MAX_HEADER_BYTES = 256 * 1024;
/** Fields of one header section. */
export const MAX_HEADER_FIELDS = 2000;
/** Octets of one field's value given to a decoder. */
export const MAX_FIELD_BYTES = 64 * 1024;
/** Addresses of one field; more than that is a mailing list that should have been one. */
export const MAX_ADDRESSES = 1000;
/** Message ids of one field: the first (start of the thread) and the last ones are kept. */
export const MAX_MESSAGE_IDS = 100;
/** Characters (UTF-16) of a subject, name, or one decoded header field. */
export const MAX_SUBJECT_CHARS = 4096;
export const MAX_NAME_CHARS = 512;
export const MAX_FIELD_CHARS = 16 * 1024;
/** RFC 5321 section 4.5.3.1 allows 64 + 1 + 255. */
export const MAX_ADDRESS_CHARS = 320;
export const MAX_MESSAGE_ID_CHARS = 998;
/** What file systems take. */
export const MAX_FILENAME_CHARS = 255;
/** RFC 6838 section 4.2: 127 on each side of the slash. */
export const MAX_CONTENT_TYPE_CHARS = 255;
/** Octets of a boundary that are compared; RFC 2046 section 5.1.1 allows 70. */
export const MAX_BOUNDARY_BYTES = 200;
/** Parts of one message, and how deep they may stand in each other. */
export const MAX_PARTS = 1000;
export const MAX_DEPTH = 30;
/** What stands before the first delimiter is kept this far, in case there never is one and it is all the text there is. */
export const MAX_PREAMBLE_BYTES = 256 * 1024;
/** Encoded octets of a text part that are looked at for the preview, and how many parts are. */
export const MAX_SAMPLE_BYTES = 32 * 1024;
export const MAX_SAMPLES = 4;
export const MAX_PREVIEW_CHARS = 256;
export const MAX_WARNINGS = 20;
/** Characters of HTML that are parsed. */
export const MAX_HTML_CHARS = 1024 * 1024;
/** Newsletters stand 40 elements deep. */
export const MAX_HTML_DEPTH = 200;
export const MAX_URL_CHARS = 8192;
