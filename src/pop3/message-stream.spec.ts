import { describe, expect, it } from '@jest/globals';
import { Collector } from './collector.js';
import { MessageStream, STREAM_PIECE_BYTES } from './message-stream.js';
import { connectionClosed } from './pop3.errors.js';
import { POP3_LIMITS } from './pop3.limits.js';

const bytes = (length: number): Buffer => Buffer.alloc(length, 'x');

function openStream(): { stream: MessageStream; taken: number[]; left: () => boolean } {
  const taken: number[] = [];
  let left = false;
  const stream = new MessageStream({ onTaken: (count) => taken.push(count), onAbandoned: () => (left = true) });
  return { stream, taken, left: () => left };
}

async function sizes(stream: AsyncIterable<Buffer>): Promise<number[]> {
  const all: number[] = [];
  for await (const piece of stream) all.push(piece.length);
  return all;
}

describe('MessageStream', () => {
  it('cuts what comes into pieces of one size, and tells what was taken', async () => {
    const { stream, taken, left } = openStream();
    for (let count = 0; count < 3; count++) stream.write(bytes(STREAM_PIECE_BYTES - 10));
    stream.end();
    const wanted = [STREAM_PIECE_BYTES, STREAM_PIECE_BYTES, STREAM_PIECE_BYTES - 30];
    expect(await sizes(stream)).toEqual(wanted);
    expect(taken).toEqual(wanted);
    expect(left()).toBe(false);
  });

  it('leaves a piece alone until the next is asked for, and uses its memory again after that', async () => {
    const { stream } = openStream();
    const whole = (letter: string): Buffer => Buffer.alloc(STREAM_PIECE_BYTES, letter);
    stream.write(whole('x'));
    const { value: first } = await stream.next();
    stream.write(whole('y'));
    stream.write(whole('z'));
    expect(first?.equals(whole('x'))).toBe(true);
    const { value: second } = await stream.next();
    stream.write(whole('1'));
    stream.write(whole('2'));
    expect(second?.equals(whole('y'))).toBe(true);
    expect(first?.equals(whole('x'))).toBe(false);
  });

  it('wakes a reader that waits, also to fail it', async () => {
    const { stream } = openStream();
    const reading = stream.next();
    stream.write(bytes(STREAM_PIECE_BYTES));
    await expect(reading).resolves.toMatchObject({ done: false });
    const failing = stream.next();
    stream.fail(connectionClosed());
    await expect(failing).rejects.toMatchObject({ failure: 'closed' });
  });

  it('says when its reader leaves before the end', async () => {
    const { stream, left } = openStream();
    stream.write(bytes(STREAM_PIECE_BYTES));
    for await (const piece of stream) if (piece.length > 0) break;
    expect(left()).toBe(true);
    expect(stream.finished).toBe(true);
  });
});

describe('Collector', () => {
  it('keeps octets whatever size was expected', () => {
    for (const expected of [0, 10, 1 << 30]) {
      const collector = new Collector(expected);
      const parts = Array.from({ length: 300 }, (_, index) => Buffer.alloc(index, index % 256));
      for (const part of parts) expect(collector.write(part)).toBe(true);
      expect(collector.take().equals(Buffer.concat(parts))).toBe(true);
    }
  });

  it('takes no more than a whole message may be, and keeps what it had', () => {
    const collector = new Collector(0);
    expect(collector.write(bytes(POP3_LIMITS.wholeMessageBytes))).toBe(true);
    expect(collector.write(bytes(1))).toBe(false);
    expect(collector.take()).toHaveLength(POP3_LIMITS.wholeMessageBytes);
  });

  it('pins no large memory for a small message that LIST called large', () => {
    const collector = new Collector(1 << 20);
    collector.write(bytes(10_000));
    expect(collector.take().buffer.byteLength).toBe(10_000);
  });
});
