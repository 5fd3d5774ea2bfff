import { once } from 'node:events';
import { connect } from 'node:net';

const WINDOW = 100;
const TERMINATOR = Buffer.from('\r\n.\r\n');
const DEADLINE_MS = 120_000;

export interface Maildrop {
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

/**
 * The floor: a bare socket that signs in, lists, asks for every message with 100 RETR under way, and throws all away.
 * @param messages 0: lists only
 * @returns how long it took, in ms
 */
export async function downloadRaw({ port, user, password }: Maildrop, messages: number): Promise<number> {
  const startedMs = performance.now();
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.setTimeout(DEADLINE_MS, () => socket.destroy(new Error('the server fell silent')));
  const answer = async (command: string, end: string): Promise<void> => {
    if (command) socket.write(`${command}\r\n`);
    for (let text = ''; !text.endsWith(end);) {
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      text += chunk.toString('latin1');
      if (text.startsWith('-ERR')) throw new Error(text);
    }
  };
  await answer('', '\r\n');
  for (const command of [`USER ${user}`, `PASS ${password}`]) await answer(command, '\r\n');
  for (const command of ['LIST', 'UIDL']) await answer(command, '\r\n.\r\n');
  if (messages > 0) await retrieveAll((text) => socket.write(text), socket, messages);
  await answer('QUIT', '\r\n');
  socket.destroy();
  return performance.now() - startedMs;
}

async function retrieveAll(
  write: (text: string) => void,
  pieces: NodeJS.EventEmitter,
  messages: number,
): Promise<void> {
  let asked = 0;
  let received = 0;
  const ask = (): void => {
    const first = asked + 1;
    asked = Math.min(messages, received + WINDOW);
    let commands = '';
    for (let number = first; number <= asked; number += 1) commands += `RETR ${number}\r\n`;
    if (commands) write(commands);
  };
  ask();
  let tail = Buffer.alloc(0);
  await new Promise<void>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      const octets = Buffer.concat([tail, chunk]);
      let from = 0;
      for (let at = octets.indexOf(TERMINATOR); at !== -1; at = octets.indexOf(TERMINATOR, from)) {
        received += 1;
        from = at + TERMINATOR.length;
      }
      tail = octets.subarray(Math.max(from, octets.length - TERMINATOR.length + 1));
      if (received === messages) {
        pieces.off('data', read).off('error', reject);
        resolve();
      } else ask();
    };
    pieces.on('data', read).on('error', reject);
  });
}
