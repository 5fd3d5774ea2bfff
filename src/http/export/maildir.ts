import { toPublicId } from '../../common/public-id.js';
import type { ExportedMessage } from '../../mailbox/mailbox-export.service.js';
import type { Flags } from '../../mailbox/model/message.js';
import { toTar, type TarFile } from './tar.js';

/** Letters a to z; Dovecot has no more of them either. */
const maxKeywords = 26;
/** What cannot stand in a keyword (RFC 9051 section 9 atom). */
const NOT_ATOM = /[^\x21-\x7e]|[(){%*"\\\]]/g;

/**
 * A maildir in a tar archive, to be unpacked where a mail server looks for one. Files have the exact octets, the internal date as
 * their time and the flags in their names; keywords are named in `dovecot-keywords`, which comes last.
 */
export async function* toMaildir(messages: AsyncIterable<ExportedMessage>): AsyncGenerator<Buffer> {
  yield* toTar(maildirFiles(messages), ['cur', 'new', 'tmp']);
}

async function* maildirFiles(messages: AsyncIterable<ExportedMessage>): AsyncGenerator<TarFile> {
  const keywords = new Keywords();
  for await (const { message, sizeBytes, octets } of messages) {
    const seconds = Math.max(0, Math.floor(message.internalDate.getTime() / 1000));
    const letters = flagLetters(message.flags) + keywords.lettersOf(message.flags.keywords);
    const name = `cur/${seconds}.${toPublicId('message', message.id)}.mailroom,S=${sizeBytes}:2,${letters}`;
    yield { name, sizeBytes, modifiedAt: message.internalDate, octets };
  }
  const list = keywords.file();
  if (list.length > 0) {
    yield { name: 'dovecot-keywords', sizeBytes: list.length, modifiedAt: new Date(), octets: [list] };
  }
}

/** In the order of ASCII, as the maildir format wants them. */
const flagLetters = ({ draft, flagged, answered, seen }: Flags): string =>
  `${draft ? 'D' : ''}${flagged ? 'F' : ''}${answered ? 'R' : ''}${seen ? 'S' : ''}`;

/** Dovecot's letters for keywords, handed out as they are met. */
class Keywords {
  private readonly letters = new Map<string, string>();

  lettersOf(keywords: readonly string[]): string {
    return keywords
      .map((keyword) => this.letterOf(keyword.replace(NOT_ATOM, '_')))
      .sort()
      .join('');
  }

  file(): Buffer {
    return Buffer.from([...this.letters.keys()].map((keyword, index) => `${index} ${keyword}\n`).join(''));
  }

  private letterOf(keyword: string): string {
    const known = this.letters.get(keyword);
    if (known !== undefined) return known;
    if (this.letters.size >= maxKeywords) return '';
    const letter = String.fromCharCode('a'.charCodeAt(0) + this.letters.size);
    this.letters.set(keyword, letter);
    return letter;
  }
}
