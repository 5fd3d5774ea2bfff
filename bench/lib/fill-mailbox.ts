import { once } from 'node:events';
import { connect } from 'node:net';
import { message, messageWithAttachment } from '../../test/factories/messages.js';
import type { Dovecot } from '../../test/servers/dovecot.js';

/** Of Dovecot's formats the one that takes 200,000 messages in seconds, and has no folder of 200,000 files to be read. */
export const FAST_FORMAT = { mail_location: 'mdbox:~/mdbox' };

const PER_COMMAND = 1_000;
const DEADLINE_MS = 60_000;

/** Small messages, every fifth with an attachment, every third a reply, in many messages to a command (RFC 3502 MULTIAPPEND). */
export async function fillInbox(dovecot: Dovecot, user: string, count: number): Promise<void> {
  const socket = connect({ port: dovecot.imap.port, host: dovecot.host });
  socket.setTimeout(DEADLINE_MS, () => socket.destroy(new Error('the server fell silent')));
  let tag = 0;
  const command = async (pieces: readonly (string | Buffer)[]): Promise<void> => {
    tag += 1;
    socket.write(Buffer.concat([`a${tag} `, ...pieces, '\r\n'].map((piece) => Buffer.from(piece))));
    for (let text = ''; !text.includes(`a${tag} OK`);) {
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      text += chunk.toString('latin1');
      if (/^a\d+ (NO|BAD)/m.test(text)) throw new Error(text);
    }
  };
  await once(socket, 'data');
  await command([`LOGIN ${user} ${dovecot.users.get(user)}`]);
  for (let from = 0; from < count; from += PER_COMMAND) {
    const numbers = Array.from({ length: Math.min(PER_COMMAND, count - from) }, (_, at) => from + at);
    await command(['APPEND INBOX', ...numbers.flatMap((number) => appended(number))]);
  }
  socket.destroy();
}

function appended(number: number): (string | Buffer)[] {
  const headers = number % 3 === 0 ? [`References: <${number}@thread.example> <${number}-1@thread.example>`] : [];
  const input = { headers, sentAt: new Date(1_600_000_000_000 + number * 60_000) };
  const octets = number % 5 === 0 ? messageWithAttachment(500, input) : message(input);
  // LITERAL+ (RFC 7888): nothing is waited for.
  return [` {${octets.length}+}\r\n`, octets];
}
