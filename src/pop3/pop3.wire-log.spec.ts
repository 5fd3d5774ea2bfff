import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { leaks, RecordedWireLog, spellings } from '../../test/fakes/recorded-wire-log.js';
import { Pipeline, type Command } from './pipeline.js';
import { Pop3WireLog } from './pop3.wire-log.js';

const ignore = (): void => undefined;
const command = (line: string, body: Command['body'] = 'none', patch: Partial<Command> = {}): Command => ({
  line: Buffer.from(line && `${line}\r\n`),
  body,
  alone: false,
  weightBytes: 0,
  onStatus: ignore,
  onFailure: ignore,
  ...patch,
});

class Conversation {
  readonly log = new RecordedWireLog();
  readonly wire = new Pop3WireLog(this.log);
  private readonly pipeline = new Pipeline((octets) => this.wire.sent(octets), this.wire);

  async say(line: string, answer: string, body?: Command['body'], patch?: Partial<Command>): Promise<void> {
    this.pipeline.submit(command(line, body, patch));
    await Promise.resolve();
    this.pipeline.receive(Buffer.from(answer, 'latin1'));
  }
}

describe('the log of a POP3 session', () => {
  it('shows both sides as they speak, of messages their size, of long listings the beginning', async () => {
    const talk = new Conversation();
    await talk.say('', '+OK hello\r\n');
    await talk.say('USER ann', '+OK\r\n');
    await talk.say('PASS hunter22', '+OK 30 messages\r\n');
    talk.wire.revealAll();
    const rows = Array.from({ length: 30 }, (_, i) => `${i + 1} 10\r\n`);
    await talk.say('LIST', `+OK\r\n${rows.join('')}.\r\n`, 'lines');
    await talk.say('RETR 1', '+OK 10 octets\r\nSubject: x\r\n\r\nhello\r\n.\r\n', 'octets');
    await talk.say('DELE 1', '-ERR [SYS/TEMP] later\r\n');
    expect(talk.log.lines).toEqual([
      'S: +OK hello',
      'C: USER ann',
      'S: +OK',
      'C: PASS ***',
      'S: +OK 30 messages',
      'C: LIST',
      'S: +OK',
      ...rows.slice(0, 20).map((row) => `S: ${row.trim()}`),
      'S: [10 more lines]',
      'C: RETR 1',
      'S: +OK 10 octets',
      'S: [24 octets]',
      'C: DELE 1',
      'S: -ERR [SYS/TEMP] later',
    ]);
  });

  it('shows no mail where a message ended too early', async () => {
    const talk = new Conversation();
    talk.wire.revealAll();
    await talk.say('RETR 1', '+OK\r\nhi\r\n.\r\n', 'octets');
    await expect(talk.say('DELE 1', 'meet me at ten\r\n')).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
    expect(talk.log.lines.at(-1)).toBe('S: [14 octets that are no reply]');
  });

  it('never shows a secret, however client and server spell it', async () => {
    const pick = fc.array(fc.nat(), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 8, maxLength: 40 }), pick, async (secret, picks) => {
        fc.pre(secret.trim().length >= 8);
        const ways = spellings('ann', secret);
        const echoed = picks.map((at) => ways[at % ways.length]!.replace(/[\r\n\0]/g, ' ')).join(' ');
        const talk = new Conversation();
        talk.wire.hide('ann', { kind: 'password', password: secret });
        await talk.say(`PASS ${secret}`, `-ERR ${echoed.slice(0, 900)}\r\n`.replaceAll('\0', ' '));
        await talk.say('APOP ann c4c9334bac560ecc979e58001b3e22fb', `-ERR no ${ways[3]}\r\n`);
        const answer = (): Buffer => Buffer.from(`${ways[10]}\r\n`);
        const challenge = Buffer.from(`${ways[3]}`).toString('base64');
        const text = `+ ${challenge}\r\n-ERR [AUTH] no ${ways[3]}\r\n`;
        await talk.say('AUTH PLAIN', text, 'none', { alone: true, onChallenge: answer });
        await talk.say(`AUTH PLAIN ${ways[10]}`, '+OK\r\n', 'none', { alone: true });
        expect(talk.log.lines).toHaveLength(10);
        expect(leaks(talk.log.lines, secret)).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});
