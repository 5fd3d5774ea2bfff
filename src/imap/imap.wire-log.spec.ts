import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { leaks, RecordedWireLog, spellings } from '../../test/fakes/recorded-wire-log.js';
import type { Secret } from '../mailbox/connection.port.js';
import { ImapWireLog } from './imap.wire-log.js';

const octets = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Cuts octets at these places, so that nothing depends on how they come. */
function* pieces(all: Buffer, cuts: readonly number[]): Generator<Buffer> {
  let from = 0;
  for (const cut of [...cuts.map((at) => at % (all.length + 1)).sort((a, b) => a - b), all.length]) {
    yield all.subarray(from, cut);
    from = cut;
  }
}

function logged(say: (wire: ImapWireLog) => void, signedIn = true): string[] {
  const log = new RecordedWireLog();
  const wire = new ImapWireLog(log);
  if (signedIn) wire.revealAll();
  say(wire);
  return log.lines;
}

const heard = (text: string): string[] => logged((wire) => wire.received(octets(text)));

describe('the log of an IMAP connection', () => {
  it('shows both sides as they speak', () => {
    const lines = logged((wire) => {
      wire.sent(octets('A1 SELECT "INBOX" (QRESYNC (1 2))\r\n'));
      wire.received(octets('* 3 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\nA1 OK [READ-WRITE] done\r\n'));
      wire.sent(octets('A2 IDLE\r\n'));
      wire.received(octets('+ idling\r\n'));
      wire.sent(octets('DONE\r\n'));
    });
    expect(lines).toEqual([
      'C: A1 SELECT "INBOX" (QRESYNC (1 2))',
      'S: * 3 EXISTS',
      'S: * OK [UIDVALIDITY 7] ok',
      'S: A1 OK [READ-WRITE] done',
      'C: A2 IDLE',
      'S: + idling',
      'C: DONE',
    ]);
  });

  it('shows of literals their size', () => {
    const lines = logged((wire) => {
      wire.sent(octets('A1 APPEND "Drafts" (\\Seen) {11}\r\n'));
      wire.sent(octets('hello\r\nA9 x\r\n'));
      wire.received(octets('* 1 FETCH (BODY[] {10}\r\nhi\r\nA1 OK\r UID 4 FLAGS (\\Seen))\r\n* 2 EXISTS\r\n'));
    });
    expect(lines).toEqual([
      'C: A1 APPEND "Drafts" (\\Seen) {11} ',
      'S: * 1 FETCH (BODY[] {10}  UID 4 FLAGS (\\Seen))',
      'S: * 2 EXISTS',
    ]);
  });

  it('hides what people wrote, and leaves what goes wrong', () => {
    const envelope =
      'ENVELOPE ("Mon, 1 Jan" "my \\"secret\\" (plan" (("Ann" NIL "ann" "x.org")) NIL NIL NIL NIL NIL NIL "<id>")';
    const structure = 'BODYSTRUCTURE (("TEXT" "PLAIN" NIL NIL NIL "7BIT" 3 1) "MIXED")';
    const rest =
      'INTERNALDATE "01-Jan-2026 00:00:00 +0000" RFC822.SIZE 5 PREVIEW "dear" BODY[HEADER.FIELDS (SUBJECT)] "hey" UID 4';
    expect(heard(`* 1 FETCH (${rest} ${structure} ${envelope})\r\n`)).toEqual([
      'S: * 1 FETCH (INTERNALDATE "01-Jan-2026 00:00:00 +0000" RFC822.SIZE 5 PREVIEW "[4]" BODY[HEADER.FIELDS (SUBJECT)] "[3]" UID 4 ' +
        `${structure} ENVELOPE ("[10]" "[19]" (("[3]" NIL "[3]" "[5]")) NIL NIL NIL NIL NIL NIL "[4]"))`,
    ]);
  });

  it('shows of many rows the first, and how many there were', () => {
    const row = (at: number): string => `* ${at} FETCH (UID ${at})`;
    const rows = (count: number): string[] => Array.from({ length: count }, (_, at) => row(at + 1));
    const said = [...rows(23), 'A1 OK done', ...rows(20), '* 24 EXISTS', row(24)];
    expect(heard(said.map((line) => `${line}\r\n`).join(''))).toEqual(
      [...rows(20), '[3 more responses to FETCH]', 'A1 OK done', ...rows(20), '* 24 EXISTS', row(24)].map(
        (line) => `S: ${line}`,
      ),
    );
  });

  it('shows no mail where a literal had another length than was said', () => {
    expect(heard('* 1 FETCH (BODY[] {3}\r\nhi there, Ann\r\nmeet me at ten\r\n')).toEqual([
      'S: * 1 FETCH (BODY[] {3} [10]',
      'S: [16 octets that are no response]',
    ]);
  });

  it('shows before the sign-in whatever greets it', () => {
    const lines = logged((wire) => wire.received(octets('220 smtp.example ESMTP\r\n')), false);
    expect(lines).toEqual(['S: 220 smtp.example ESMTP']);
  });

  it('cuts long lines, however they come', () => {
    const line = `* SEARCH ${'123456 '.repeat(100_000)}\r\n`;
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 5 }), (cuts) => {
        const lines = logged((wire) => {
          for (const piece of pieces(octets(line), cuts)) wire.received(piece);
        });
        expect(lines).toEqual([`S: ${line.slice(0, 500)} [${line.length} octets]`]);
      }),
      { numRuns: 20 },
    );
  });

  it('shows no half of a secret where a line is cut', () => {
    for (let before = 400; before < 520; before += 1) {
      const lines = logged((wire) => {
        wire.hide('ann', { kind: 'password', password: 'correct horse battery staple' });
        wire.received(octets(`* OK ${'x'.repeat(before)}${'correct horse battery staple'.repeat(200)}\r\n`));
      }, false);
      expect(lines.join()).not.toMatch(/cor|hor|bat/);
    }
  });

  it('never shows a secret, however client and server spell it', () => {
    const secretText = fc.oneof(
      fc.string({ minLength: 8, maxLength: 40 }),
      fc.string({ unit: 'grapheme', minLength: 8 }),
    );
    const pick = fc.array(fc.nat(), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(secretText, fc.boolean(), pick, fc.array(fc.nat(), { maxLength: 8 }), (text, token, picks, cuts) => {
        fc.pre(!/[\r\n\0]/.test(text) && text.isWellFormed() && text.trim().length >= 8);
        const secret: Secret = token ? { kind: 'oauth2', accessToken: text } : { kind: 'password', password: text };
        const ways = spellings('ann', text);
        const echoed = picks.map((at) => ways[at % ways.length]!.replace(/[\r\n]/g, ' '));
        const password = Buffer.from(text);
        const client = [
          `A1 LOGIN "ann" "${echoed[0]}"\r\n`,
          `A2 LOGIN {3}\r\nann {${password.length}}\r\n${password.toString('latin1')}\r\n`,
          `A3 AUTHENTICATE PLAIN ${Buffer.from(`\0ann\0${text}`).toString('base64')}\r\n`,
          `A4 authenticate XOAUTH2\r\n${echoed[0]}\r\n`,
        ];
        const server = ['A1', 'A2', 'A3', 'A4'].map(
          (tag) =>
            `+ ${echoed[0]}\r\n* OK ${'x'.repeat(picks[0]! % 600)} ${echoed.join(' ')} ${echoed.join('')}\r\n${tag} NO no "${echoed[0]}" wrong\r\n`,
        );
        const lines = logged((wire) => {
          wire.hide('ann', secret);
          for (const [at, command] of client.entries()) {
            for (const piece of pieces(octets(command), cuts)) wire.sent(piece);
            for (const piece of pieces(octets(server[at]!), cuts)) wire.received(piece);
          }
        }, false);
        expect(lines.filter((line) => /^S: A\d NO/.test(line))).toHaveLength(4);
        expect(leaks(lines, text)).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});
