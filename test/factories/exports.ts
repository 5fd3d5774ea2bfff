/** Reads what an export gives, as somebody would who has only the documentation of its formats. */

export interface TarMember {
  readonly name: string;
  readonly type: string;
  readonly modifiedAt: Date;
  readonly octets: Buffer;
}

/** The exact octets of each message of an mboxrd file. */
export function readMboxrd(file: Buffer): Buffer[] {
  const text = file.toString('latin1');
  const starts = [...text.matchAll(/^From /gm)].filter(({ index }) => index === 0 || text[index - 1] === '\n');
  return starts.map(({ index }, i) => {
    const whole = text.slice(text.indexOf('\n', index) + 1, starts[i + 1]?.index ?? text.length);
    const own = whole.endsWith('\n\r\n') ? whole.slice(0, -3) : whole.slice(0, -1);
    return Buffer.from(own.replaceAll(/(^|\n)(>*)>From /g, '$1$2From '), 'latin1');
  });
}

/** Members of a ustar archive. @throws where it is cut or damaged */
export function readTar(archive: Buffer): TarMember[] {
  const members: TarMember[] = [];
  for (let at = 0; ;) {
    const header = archive.subarray(at, at + 512);
    if (header.length < 512) throw new Error('the archive has no end');
    if (header.every((octet) => octet === 0)) return members;
    const field = (from: number, length: number): string =>
      header.toString('latin1', from, from + length).replace(/\0.*$/s, '');
    const blank = Buffer.from(header).fill(' ', 148, 156);
    if (parseInt(field(148, 8), 8) !== blank.reduce((sum, octet) => sum + octet, 0)) throw new Error('bad checksum');
    const size = parseInt(field(124, 12), 8);
    const octets = archive.subarray(at + 512, at + 512 + size);
    members.push({
      name: field(0, 100),
      type: field(156, 1),
      modifiedAt: new Date(1000 * parseInt(field(136, 12), 8)),
      octets,
    });
    at += 512 + Math.ceil(size / 512) * 512;
  }
}
