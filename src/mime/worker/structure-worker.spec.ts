import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseStructure } from '../parse-structure.js';
import { StructureThreadError, StructureWorker } from './structure-worker.js';

const mail = (text: string): Buffer =>
  Buffer.from(
    `Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n${text}\r\n--b\r\n` +
      'Content-Type: image/png\r\nContent-Disposition: attachment; filename=a.png\r\n\r\nAAAA\r\n--b--\r\n',
  );

const inPieces = (octets: Buffer, size: number): Buffer[] =>
  Array.from({ length: Math.ceil(octets.length / size) }, (_, i) => octets.subarray(i * size, (i + 1) * size));

let worker: StructureWorker;
beforeEach(() => {
  worker = new StructureWorker();
});
afterEach(() => worker.close());

describe('StructureWorker', () => {
  it('reads many messages side by side as they are read here, however they are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string(), { maxLength: 5 }),
        fc.integer({ min: 1, max: 300 }),
        async (texts, size) => {
          const messages = texts.map(mail);
          const read = await Promise.all(messages.map((octets) => worker.read(inPieces(octets, size))));
          expect(read).toEqual(await Promise.all(messages.map((octets) => parseStructure([octets]))));
        },
      ),
      { numRuns: 30 },
    );
  });

  it('takes one piece at a time from its source', async () => {
    let given = 0;
    let taken = 0;
    async function* source(): AsyncGenerator<Buffer> {
      for (const piece of inPieces(mail('x'.repeat(5_000)), 100)) {
        given += 1;
        yield piece;
        taken += 1;
        expect(given - taken).toBe(0);
      }
    }
    await worker.read(source());
    expect(taken).toBe(given);
    expect(given).toBeGreaterThan(50);
  });

  it('fails as its source fails, and goes on with the others', async () => {
    async function* broken(): AsyncGenerator<Buffer> {
      yield mail('half').subarray(0, 20);
      throw new Error('database away');
    }
    const [one, two] = await Promise.allSettled([worker.read(broken()), worker.read([mail('whole')])]);
    expect(one).toMatchObject({ status: 'rejected', reason: { message: 'database away' } });
    expect(two).toMatchObject({ status: 'fulfilled', value: { textPreview: 'whole' } });
  });

  it('says so when its thread fails, and starts another', async () => {
    const noOctets = [{} as unknown as Buffer];
    await expect(worker.read(noOctets)).rejects.toBeInstanceOf(StructureThreadError);
    expect(await worker.read([mail('next')])).toMatchObject({ textPreview: 'next' });
  });
});
