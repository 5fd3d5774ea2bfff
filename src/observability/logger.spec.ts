import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { JsonLogger } from './logger.js';

describe('JsonLogger', () => {
  let lines: Record<string, unknown>[];
  beforeEach(() => {
    lines = [];
    Logger.overrideLogger(new JsonLogger('info', { write: (line) => void lines.push(JSON.parse(line)) }));
  });
  afterEach(() => Logger.overrideLogger(false));
  const log = new Logger('Watcher');

  it('writes fields, text and who logs', () => {
    log.warn({ accountId: 'a', was: 1n, at: new Date(0) }, 'uidvalidity changed');
    expect(lines).toEqual([
      {
        level: 40,
        time: expect.any(String),
        context: 'Watcher',
        accountId: 'a',
        was: '1',
        at: '1970-01-01T00:00:00.000Z',
        msg: 'uidvalidity changed',
      },
    ]);
  });

  it("takes Nest's own way of logging", () => {
    log.log('Application started');
    log.error('it broke', 'Error: it broke\n    at somewhere');
    expect(lines[0]).toMatchObject({ context: 'Watcher', msg: 'Application started' });
    expect(lines[1]).toMatchObject({
      context: 'Watcher',
      msg: 'it broke',
      stack: expect.stringContaining('somewhere'),
    });
  });

  it('leaves out what is below its level', () => {
    log.debug({ a: 1 }, 'x');
    log.verbose('y');
    new Logger('InstanceLoader').log('module initialized');
    expect(lines).toEqual([]);
  });

  it('hides secrets and what people wrote, wherever they stand', () => {
    log.error(
      {
        password: 'hunter2',
        nested: { accessToken: 'hunter2', subject: 'hunter2', list: [{ clientSecret: 'hunter2' }] },
        error: Object.assign(
          new Error('AUTH PLAIN aHVudGVyMg== refused', { cause: new Error('Bearer hunter2hunter2') }),
          {
            request: { body: 'hunter2' },
          },
        ),
        url: 'postgres://user:hunter2@db/x',
        key: 'mrk_hunter2hunter2',
        octets: Buffer.from('hunter2'),
      },
      'PASS hunter2',
    );
    const [line] = lines;
    expect(JSON.stringify(line)).not.toMatch(/hunter2|aHVudGVyMg/);
    expect(line).toMatchObject({ password: '[hidden]', octets: '[7 octets]', url: 'postgres://user:[hidden]@db/x' });
  });

  it('keeps an error with its code, its cause and where it was thrown', () => {
    log.error(Object.assign(new Error('no'), { code: 'ECONNRESET', cause: 'why' }), 'could not');
    expect(lines[0]).toMatchObject({
      msg: 'could not',
      error: { type: 'Error', code: 'ECONNRESET', message: 'no', cause: 'why', at: expect.any(Array) },
    });
  });

  it('is not fooled into a second line, and bounds what it writes', () => {
    const circular: Record<string, unknown> = { long: 'x'.repeat(100_000) };
    circular.self = circular;
    log.warn(circular, 'one\n{"level":60,"msg":"two"}\u202e');
    expect(lines).toHaveLength(1);
    expect(JSON.stringify(lines[0]).length).toBeLessThan(20_000);
    expect(lines[0]?.msg).toBe('one {"level":60,"msg":"two"} ');
  });
});
