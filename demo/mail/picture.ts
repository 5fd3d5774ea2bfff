import { crc32, deflateSync } from 'node:zlib';

const WIDTH = 240;
const HEIGHT = 120;
const BACKGROUND = [245, 245, 240];
const BAR = [58, 110, 165];

/** A small bar chart as a PNG (RFC 2083), so that the samples have a picture without a file in the repository. */
export function barChart(values: readonly number[]): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(WIDTH, 0);
  header.writeUInt32BE(HEIGHT, 4);
  header.set([8, 2, 0, 0, 0], 8); // eight bits for each of red, green and blue
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(pixels(values))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function pixels(values: readonly number[]): Buffer {
  const highest = Math.max(...values);
  const barWidth = WIDTH / values.length;
  const rows: number[] = [];
  for (let y = 0; y < HEIGHT; y += 1) {
    rows.push(0); // each row begins with its filter: none
    for (let x = 0; x < WIDTH; x += 1) {
      const value = values[Math.floor(x / barWidth)] ?? 0;
      const inBar = x % barWidth > 4 && HEIGHT - y < (value / highest) * (HEIGHT - 10);
      rows.push(...(inBar ? BAR : BACKGROUND));
    }
  }
  return Buffer.from(rows);
}

function chunk(type: string, data: Buffer): Buffer {
  const typed = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(typed), 4);
  return Buffer.concat([frame.subarray(0, 4), typed, frame.subarray(4)]);
}
