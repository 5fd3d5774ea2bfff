import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { Pipeline, type Command } from './pipeline.js';
import { connectionClosed } from './pop3.errors.js';

type Exchange =
  | { readonly kind: 'status'; readonly reply: string }
  | { readonly kind: 'lines'; readonly lines: readonly string[] }
  | { readonly kind: 'octets'; readonly content: string };

const text = fc.string({ unit: fc.constantFrom('a', '.', '\n', '\0', '+OK', ' '), maxLength: 8 });
const line = fc.string({ unit: fc.constantFrom('a', '.', ' ', '+OK'), maxLength: 8 });
const exchange: fc.Arbitrary<Exchange> = fc.oneof(
  fc.record({
    kind: fc.constant('status' as const),
    reply: fc.constantFrom('+OK', '-ERR', '+OK 1 2', '-ERR [AUTH] no'),
  }),
  fc.record({ kind: fc.constant('lines' as const), lines: fc.array(line, { maxLength: 4 }) }),
  fc.record({
    kind: fc.constant('octets' as const),
    content: fc.array(text, { maxLength: 4 }).map((lines) => lines.map((one) => `${one}\r\n`).join('')),
  }),
);

const stuffed = (lines: readonly string[]): string =>
  `+OK\r\n${lines.map((one) => `${one.startsWith('.') ? '.' : ''}${one}\r\n`).join('')}.\r\n`;

function wireOf(one: Exchange): string {
  if (one.kind === 'status') return `${one.reply}\r\n`;
  return stuffed(one.kind === 'lines' ? one.lines : one.content.split('\r\n').slice(0, -1));
}

/** A command that writes down what became of it. */
function recording(one: Exchange): { command: Command; got: () => unknown; ended: () => boolean } {
  const seen: string[] = [];
  let end = 'pending';
  const command: Command = {
    line: Buffer.from('X\r\n'),
    body: one.kind === 'status' ? 'none' : one.kind,
    alone: false,
    weightBytes: 0,
    onStatus: (reply) => {
      if (one.kind === 'status') end = `${reply.kind === 'ok' ? '+OK' : '-ERR'} ${reply.text}`.trim();
    },
    onLine: (row) => seen.push(row.toString('latin1')),
    onOctets: (octets) => seen.push(octets.toString('latin1')),
    onEnd: () => (end = 'ended'),
    onFailure: () => (end = 'failed'),
  };
  const got = (): unknown => (one.kind === 'lines' ? [end, ...seen] : [end, seen.join('')]);
  return { command, got, ended: () => end === 'ended' };
}

const wanted = (one: Exchange): unknown => {
  if (one.kind === 'status') return [one.reply, ''];
  return one.kind === 'lines' ? ['ended', ...one.lines] : ['ended', one.content];
};

/** A pipeline past its greeting, with these commands under way. */
async function underWay(commands: readonly Command[]): Promise<Pipeline> {
  const pipeline = new Pipeline(() => {});
  pipeline.window = 100;
  const greeting = recording({ kind: 'status', reply: '+OK' });
  pipeline.submit(greeting.command);
  await Promise.resolve();
  pipeline.receive(Buffer.from('+OK\r\n'));
  for (const command of commands) pipeline.submit(command);
  await Promise.resolve();
  return pipeline;
}

describe('Pipeline', () => {
  it('gives every command its own reply, wherever the stream is cut', async () => {
    const cuts = fc.infiniteStream(fc.nat({ max: 7 }));
    await fc.assert(
      fc.asyncProperty(fc.array(exchange, { minLength: 1, maxLength: 12 }), cuts, async (exchanges, sizes) => {
        const recorded = exchanges.map(recording);
        const pipeline = await underWay(recorded.map(({ command }) => command));
        const wire = Buffer.from(exchanges.map(wireOf).join(''), 'latin1');
        for (let from = 0; from < wire.length;) {
          const to = from + 1 + (sizes.next().value ?? 0);
          pipeline.receive(wire.subarray(from, to));
          from = to;
        }
        expect(recorded.map(({ got }) => got())).toEqual(exchanges.map(wanted));
        expect(pipeline.expecting).toBe('nothing');
      }),
      { numRuns: 1000 },
    );
  });

  it('case 1: cut off after any octet, only what was complete has ended', async () => {
    const exchanges: Exchange[] = [
      { kind: 'octets', content: 'first\r\n' },
      { kind: 'octets', content: '.\r\n\r\n' },
      { kind: 'octets', content: '' },
    ];
    const wires = exchanges.map(wireOf);
    const wire = Buffer.from(wires.join(''), 'latin1');
    const ends = wires.map((_, index) => wires.slice(0, index + 1).join('').length);
    for (let cut = 0; cut <= wire.length; cut++) {
      const recorded = exchanges.map(recording);
      const pipeline = await underWay(recorded.map(({ command }) => command));
      pipeline.receive(wire.subarray(0, cut));
      pipeline.fail(connectionClosed());
      const complete = recorded.map(({ ended }) => ended());
      expect(complete).toEqual(ends.map((end) => end <= cut));
    }
  });

  it('case 23: refuses octets that no command asked for', async () => {
    const pipeline = await underWay([]);
    expect(() => pipeline.receive(Buffer.from('+OK\r\n'))).toThrow(expect.objectContaining({ failure: 'protocol' }));
  });
});
