import type { ModSeq, UidValidity } from '../mailbox/model/ids.js';
import type { UidSet } from './uid-set.js';

/** As the server described it when it was selected. */
export interface SelectedMailbox {
  readonly path: string;
  readonly uidValidity: UidValidity;
  /** Absent where the server keeps none for this mailbox (RFC 7162 section 3.1.2.2 [NOMODSEQ]). */
  readonly highestModSeq?: ModSeq;
  readonly readOnly: boolean;
  /** Absent where the server did not say: then anything may be tried (RFC 9051 section 7.1). */
  readonly permanentFlags?: ReadonlySet<string>;
}

/** Something was said about the selected mailbox, asked for or not. */
export type MailboxNews =
  | { readonly kind: 'exists' | 'flags' }
  | {
      readonly kind: 'expunged';
      /** Absent where only a sequence number was told. */
      readonly uids?: UidSet;
      /** In answer to a question about the past (QRESYNC). */ readonly earlier: boolean;
    };
