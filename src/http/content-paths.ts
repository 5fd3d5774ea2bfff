/** Where mail content is downloaded; signed by `UrlSigner` before it is handed out. Ids as clients see them. */
export const rawPath = (messageId: string): string => `/content/raw/${messageId}`;

/** The root of a multipart has no number of its own; `rawPath` gives all of it. */
export const partPath = (messageId: string, partNumber: string): string => `/content/part/${messageId}/${partNumber}`;

/** @param format a name in `EXPORT_FORMATS` */
export const exportPath = (mailboxId: string, format: string): string => `/content/mailbox/${mailboxId}/${format}`;
