import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Pop3Server } from './pop3-server.js';

const SIGN_IN = 'USER ann\r\nPASS two words\r\n';
const DOTTED = 'Subject: dots\r\n\r\n.\r\n..two\r\nlast';

describe('the POP3 server of the demo', () => {
  let server: Pop3Server;
  let port: number;
  const sockets: Socket[] = [];

  beforeEach(async () => {
    server = new Pop3Server({ user: 'ann', password: 'two words' });
    server.maildrop.deliver(Buffer.from(DOTTED));
    server.maildrop.deliver(Buffer.from('Subject: second\r\n\r\none\r\ntwo\r\n'));
    port = await server.listen();
  });

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await server.close();
  });

  function open(): Socket {
    const socket = connect(port, '127.0.0.1').setEncoding('latin1');
    sockets.push(socket);
    return socket;
  }

  /** Sends all commands at once, which PIPELINING allows, and gives what comes back until the server hangs up. */
  async function talk(commands: string): Promise<string> {
    const socket = open();
    let answer = '';
    socket.on('data', (text: string) => (answer += text));
    socket.write(commands);
    await once(socket, 'close');
    return answer;
  }

  it('counts, lists and names the messages', async () => {
    const answer = await talk(`${SIGN_IN}STAT\r\nLIST\r\nLIST 2\r\nUIDL\r\nQUIT\r\n`);
    expect(answer).toContain('+OK 2 60\r\n');
    expect(answer).toContain('+OK 2 messages\r\n1 31\r\n2 29\r\n.\r\n+OK 2 29\r\n');
    const [, first, second] = /\r\n1 ([0-9a-f-]{36})\r\n2 ([0-9a-f-]{36})\r\n\.\r\n\+OK bye/.exec(answer) ?? [];
    expect(first).toBeDefined();
    expect(second).not.toBe(first);
  });

  it('doubles leading dots and ends a message that has no last line end', async () => {
    const answer = await talk(`${SIGN_IN}RETR 1\r\nQUIT\r\n`);
    expect(answer).toContain('+OK 31 octets\r\nSubject: dots\r\n\r\n..\r\n...two\r\nlast\r\n.\r\n+OK bye');
  });

  it('gives the header and as many lines of the body as asked', async () => {
    const answer = await talk(`${SIGN_IN}TOP 2 0\r\nTOP 2 1\r\nTOP 2\r\nQUIT\r\n`);
    expect(answer).toContain(
      '\r\nSubject: second\r\n\r\n.\r\n+OK top of message\r\nSubject: second\r\n\r\none\r\n.\r\n-ERR',
    );
  });

  it('deletes what was marked when the session ends by QUIT, and takes RSET back', async () => {
    await talk(`${SIGN_IN}DELE 1\r\nRSET\r\nDELE 2\r\nQUIT\r\n`);
    expect(await talk(`${SIGN_IN}STAT\r\nQUIT\r\n`)).toContain('+OK 1 31\r\n');
  });

  it('hides a message that is marked', async () => {
    const answer = await talk(`${SIGN_IN}DELE 1\r\nRETR 1\r\nLIST\r\nDELE 1\r\nQUIT\r\n`);
    expect(answer).toContain(
      'marked\r\n-ERR no such message\r\n+OK 1 messages\r\n2 29\r\n.\r\n-ERR no such message\r\n',
    );
  });

  it('deletes nothing when the connection breaks, and frees the maildrop', async () => {
    const socket = open();
    socket.write(`${SIGN_IN}DELE 1\r\nDELE 2\r\n`);
    let answer = '';
    for await (const text of socket) {
      answer += String(text);
      if (answer.includes('message 2 marked')) break;
    }
    socket.destroy();
    let second = await talk(`${SIGN_IN}STAT\r\nQUIT\r\n`);
    while (second.includes('IN-USE')) second = await talk(`${SIGN_IN}STAT\r\nQUIT\r\n`);
    expect(second).toContain('+OK 2 60\r\n');
  });

  it('lets one session at a time in', async () => {
    const first = open();
    first.write(SIGN_IN);
    let greeted = '';
    while (!greeted.includes('2 messages')) greeted += String((await once(first, 'data'))[0]);
    expect(await talk(`${SIGN_IN}QUIT\r\n`)).toContain('-ERR [IN-USE]');
  });

  it('refuses a wrong password, commands out of place and endless lines', async () => {
    expect(await talk('USER ann\r\nPASS wrong\r\nSTAT\r\nCAPA\r\nQUIT\r\n')).toMatch(
      /-ERR \[AUTH\].*\r\n-ERR STAT is not known here\r\n\+OK capabilities\r\n(.+\r\n)*UIDL\r\n(.+\r\n)*\.\r\n\+OK bye/,
    );
    expect(await talk('x'.repeat(300))).toContain('-ERR line too long');
  });
});
