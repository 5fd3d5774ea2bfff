import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { AccountId } from '../mailbox/model/ids.js';
import { ProtocolLogs } from './protocol-log.js';

const account = (name: string): AccountId => name as AccountId;

describe('ProtocolLogs', () => {
  it('gives the newest lines of one account, oldest first, and never of another', () => {
    const logs = new ProtocolLogs();
    const ann = logs.of(account('ann'));
    const connection = ann.nextConnection();
    ann.note('C', connection, 'A1 NOOP');
    logs.of(account('bob')).note('S', 1, '* OK hello bob');
    ann.note('S', ann.nextConnection(), '* OK hello');
    ann.note('S', connection, 'A1 OK');
    const time = '\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z ';
    expect(logs.last(account('ann'), 2)).toEqual([
      expect.stringMatching(new RegExp(`^${time}2 S: \\* OK hello$`)),
      expect.stringMatching(new RegExp(`^${time}1 S: A1 OK$`)),
    ]);
    expect(logs.last(account('ann'), 200)).toHaveLength(3);
    expect(logs.last(account('carl'), 200)).toEqual([]);
    logs.forget(account('ann'));
    expect(logs.last(account('ann'), 200)).toEqual([]);
  });

  it('makes one line of each, bounded, with nothing in it that moves a cursor', () => {
    const logs = new ProtocolLogs();
    const log = logs.of(account('ann'));
    log.note('S', 1, 'x'.repeat(10_000));
    log.note('S', 1, Buffer.from('* OK Grüße\n\u001b[2J\u202e').toString('latin1'));
    const [long, odd] = logs.last(account('ann'), 2).map((line) => line.slice(25));
    expect(long).toBe(`1 S: ${'x'.repeat(600)}…`);
    expect(odd).toBe('1 S: * OK Grüße\\x0a\\x1b[2J\\x202e');
  });

  it('keeps within its share, however much is said by however many', () => {
    const logs = new ProtocolLogs();
    const accounts = Array.from({ length: 1_000 }, (_, i) => account(`a${i}`));
    const held = (): number => accounts.reduce((sum, id) => sum + logs.last(id, 100_000).join('').length, 0);
    for (let round = 0; round < 60; round += 1) {
      // Nothing that could be packed.
      for (const id of accounts) logs.of(id).note('S', 1, `* ${round} FETCH ${randomBytes(300).toString('latin1')}`);
    }
    expect(held()).toBeLessThan(10 * 1024 * 1024);
    for (const id of accounts) expect(logs.last(id, 1)[0]).toContain('* 59 FETCH');
  });

  it('holds two hundred lines of an idle account beside a thousand others', () => {
    const logs = new ProtocolLogs();
    for (let i = 0; i < 1_000; i += 1) logs.of(account(`other${i}`)).note('S', 1, '* OK');
    const log = logs.of(account('ann'));
    for (let minute = 1; minute <= 100; minute += 1) {
      log.note('C', 1, 'DONE');
      log.note('S', 1, `${minute} OK Idle completed (60.00${minute} + 59.9${minute} + 60.0${minute} secs).`);
      log.note('C', 1, `${minute} LIST "" "*" RETURN (STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ) SUBSCRIBED)`);
      log.note('S', 1, `* STATUS INBOX (MESSAGES ${minute} UIDNEXT ${minute} UIDVALIDITY 1 HIGHESTMODSEQ ${minute})`);
    }
    const lines = logs.last(account('ann'), 200);
    expect(lines).toHaveLength(200);
    expect(lines[0]).toContain('1 C: DONE');
    expect(lines.at(-1)).toContain('* STATUS INBOX (MESSAGES 100 ');
  });
});
