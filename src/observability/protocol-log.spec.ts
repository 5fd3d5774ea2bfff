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
    for (let round = 0; round < 200; round += 1) {
      for (const id of accounts)
        logs.of(id).note('S', 1, `* ${round} FETCH (UID ${round} FLAGS (\\Seen) MODSEQ (${round}))`.padEnd(100));
    }
    expect(held()).toBeLessThan(10 * 1024 * 1024);
    for (const id of accounts) expect(logs.last(id, 1)[0]).toContain('* 199 FETCH');
    expect(logs.last(accounts[0]!, 100_000).length).toBeGreaterThan(50);
  });
});
