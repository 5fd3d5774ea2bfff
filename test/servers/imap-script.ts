import type { ScriptedPeer } from './scripted-server.js';

/** @returns true when it has answered, or never will */
type Answer = (peer: ScriptedPeer, tag: string, words: readonly string[]) => Promise<boolean | void> | boolean | void;

export interface ImapScriptOptions {
  /** Besides IMAP4rev1. */
  readonly capabilities?: string;
  readonly greeting?: string;
  /** Messages in every mailbox, with UID = sequence number. */
  readonly exists?: number;
  /** What the server does other than others, by command; of `UID FETCH` the name is FETCH. */
  readonly on?: Readonly<Record<string, Answer>>;
}

const stub = (n: number): string =>
  `* ${n} FETCH (UID ${n} FLAGS () INTERNALDATE "23-Nov-2026 10:00:00 +0000" RFC822.SIZE 100 ` +
  `ENVELOPE (NIL "m${n}" NIL NIL NIL NIL NIL NIL NIL "<m${n}@example.org>") ` +
  'BODYSTRUCTURE ("TEXT" "PLAIN" NIL NIL NIL "7BIT" 10 1) BODY[HEADER.FIELDS ("References")] {2}\r\n\r\n)\r\n';

/** An IMAP server of one INBOX that takes every password, for what no real server does. */
export const imapScript =
  ({ capabilities = 'IDLE', greeting, exists = 0, on = {} }: ImapScriptOptions = {}) =>
  async (peer: ScriptedPeer): Promise<void> => {
    const announced = `IMAP4rev1 ${capabilities}`.trim();
    await peer.send(greeting ?? `* OK [CAPABILITY ${announced}] hello\r\n`);
    const selected = `* FLAGS (\\Seen)\r\n* ${exists} EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n* OK [UIDNEXT ${exists + 1}] ok\r\n`;
    const usual: Readonly<Record<string, string>> = {
      CAPABILITY: `* CAPABILITY ${announced}\r\n`,
      SELECT: selected,
      EXAMINE: selected,
      NOOP: `* ${exists} EXISTS\r\n`,
      LIST: '* LIST () "/" INBOX\r\n',
      LSUB: '* LSUB () "/" INBOX\r\n',
      STATUS: `* STATUS INBOX (MESSAGES ${exists} UIDNEXT ${exists + 1} UIDVALIDITY 1 UNSEEN 0)\r\n`,
      SEARCH: `* SEARCH ${Array.from({ length: exists }, (_, i) => i + 1).join(' ')}\r\n`,
      FETCH: Array.from({ length: exists }, (_, i) => stub(i + 1)).join(''),
    };
    for (let line = await peer.nextLine(); line !== undefined; line = await peer.nextLine()) {
      const [tag = '', ...words] = line.split(' ');
      const command = (words[0] === 'UID' ? words[1] : words[0]) ?? line;
      if (await on[command]?.(peer, tag, words)) continue;
      if (command === 'IDLE') await peer.send('+ idling\r\n');
      else if (line !== 'DONE') await peer.send(`${usual[command] ?? ''}${tag} OK done\r\n`);
    }
  };
