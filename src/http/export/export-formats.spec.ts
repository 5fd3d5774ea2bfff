import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { emptyEnvelope } from '../../../test/factories/envelope.js';
import { readMboxrd, readTar } from '../../../test/factories/exports.js';
import type { ExportedMessage } from '../../mailbox/mailbox-export.service.js';
import type { AccountId, MailboxId, MessageId, ThreadId } from '../../mailbox/model/ids.js';
import { NO_FLAGS, type Flags } from '../../mailbox/model/message.js';
import { EXPORT_FORMATS } from './export-formats.js';

const uuid = (n: number): MessageId => `019a0000-0000-7000-8000-${String(n).padStart(12, '0')}` as MessageId;

function exported(n: number, octets: readonly Buffer[], flags: Partial<Flags> = {}): ExportedMessage {
  const sizeBytes = octets.reduce((sum, { length }) => sum + length, 0);
  const message = {
    id: uuid(n),
    accountId: 'acc' as AccountId,
    mailboxId: 'mbx' as MailboxId,
    threadId: 'thr' as ThreadId,
    envelope: emptyEnvelope,
    flags: { ...NO_FLAGS, ...flags },
    internalDate: new Date(Date.UTC(2026, 0, n, 9, 5, 7)),
    sizeBytes,
    hasAttachments: false,
    parseWarnings: [],
  };
  return { message, sizeBytes, octets };
}

async function write(format: string, messages: readonly ExportedMessage[]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const source = (async function* () {
    yield* messages;
  })();
  for await (const chunk of EXPORT_FORMATS.get(format)!.write(source)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const odd = [
  Buffer.from('Subject: a\r\n\r\nFrom me\r\nno final line end'),
  Buffer.from('Subject: b\n\n\0\xff\xfe\r\n>From you\r\n', 'latin1'),
  Buffer.alloc(512, 'x'),
  Buffer.alloc(0),
];

describe('an export', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'mailroom-export-'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));
  const untar = async (archive: Buffer): Promise<void> => {
    await writeFile(join(dir, 'a.tar'), archive);
    execFileSync('tar', ['-xf', 'a.tar'], { cwd: dir });
  };

  it('is a file of RFC 4155 whose separators say when each message came', async () => {
    const file = await write('mbox', [exported(1, [odd[0]!]), exported(12, [odd[1]!])]);
    expect(file.toString('latin1')).toMatch(/^From MAILER-DAEMON Thu Jan {2}1 09:05:07 2026\nSubject: a\r\n/);
    expect(file.toString('latin1')).toContain('\n\r\nFrom MAILER-DAEMON Mon Jan 12 09:05:07 2026\nSubject: b\n');
    expect(readMboxrd(file)).toEqual(odd.slice(0, 2));
  });

  it('is a tar archive of .eml files that the system reads', async () => {
    const archive = await write(
      'eml',
      odd.map((octets, i) => exported(i + 1, [octets.subarray(0, 7), octets.subarray(7)])),
    );
    await untar(archive);
    const names = (await readdir(dir)).filter((name) => name.endsWith('.eml')).sort();
    expect(names[1]).toBe('2026-01-02T09-05-07Z-msg_019a0000000070008000000000000002.eml');
    expect(await Promise.all(names.map((name) => readFile(join(dir, name))))).toEqual(odd);
    expect((await stat(join(dir, names[1]!))).mtime).toEqual(new Date('2026-01-02T09:05:07Z'));
    expect(readTar(archive).map(({ octets }) => octets)).toEqual(odd);
  });

  it('is a maildir with flags and keywords', async () => {
    await untar(
      await write('maildir', [
        exported(1, [odd[0]!], {
          seen: true,
          answered: true,
          flagged: true,
          draft: true,
          keywords: ['$Junk', 'Kunde 7'],
        }),
        exported(2, [odd[1]!], { keywords: ['Kunde 7'] }),
      ]),
    );
    expect(await readdir(join(dir, 'new'))).toEqual([]);
    expect(await readdir(join(dir, 'tmp'))).toEqual([]);
    const seconds = Date.UTC(2026, 0, 1, 9, 5, 7) / 1000;
    const names = (await readdir(join(dir, 'cur'))).sort();
    expect(names).toEqual([
      `${seconds}.msg_019a0000000070008000000000000001.mailroom,S=${odd[0]!.length}:2,DFRSab`,
      `${seconds + 86_400}.msg_019a0000000070008000000000000002.mailroom,S=${odd[1]!.length}:2,b`,
    ]);
    expect(await readFile(join(dir, 'cur', names[1]!))).toEqual(odd[1]);
    expect(await readFile(join(dir, 'dovecot-keywords'), 'utf8')).toBe('0 $Junk\n1 Kunde_7\n');
  });

  it('keeps 26 keywords', async () => {
    const keywords = Array.from({ length: 30 }, (_, i) => `k${String(i).padStart(2, '0')}`);
    const members = readTar(await write('maildir', [exported(1, [], { keywords })]));
    expect(members[3]!.name).toMatch(/:2,abcdefghijklmnopqrstuvwxyz$/);
    expect(members[4]!.octets.toString().split('\n')).toHaveLength(27);
  });

  it.each([
    ['mbox', 0],
    ['eml', 1024],
    ['maildir', 3 * 512 + 1024],
  ])('of nothing is an empty %s', async (format, length) => {
    expect(await write(format, [])).toHaveLength(length);
  });

  it('that is cut is seen to be by tar', async () => {
    await writeFile(
      join(dir, 'cut.tar'),
      (await write('eml', [exported(1, [Buffer.alloc(9_000)])])).subarray(0, 5_000),
    );
    expect(() => execFileSync('tar', ['-tf', 'cut.tar'], { cwd: dir, stdio: 'pipe' })).toThrow(/Unexpected EOF/);
  });
});
