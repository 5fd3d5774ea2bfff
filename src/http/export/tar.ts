/** One file of an archive. */
export interface TarFile {
  /** ASCII, at most 100 characters; directories by `/`. */
  readonly name: string;
  /** Exactly what `octets` gives. */
  readonly sizeBytes: number;
  readonly modifiedAt: Date;
  readonly octets: Iterable<Buffer> | AsyncIterable<Buffer>;
}

const blockBytes = 512;
const maxNameBytes = 100;

/**
 * A tar archive in the interchange format of POSIX.1-1988 (ustar). Its end is two empty blocks: an archive that was cut is told
 * from a whole one.
 */
export async function* toTar(
  files: AsyncIterable<TarFile>,
  directories: readonly string[] = [],
): AsyncGenerator<Buffer> {
  for (const name of directories) yield header({ name: `${name}/`, sizeBytes: 0, modifiedAt: new Date() }, 0o700, '5');
  for await (const file of files) {
    yield header(file, 0o600, '0');
    for await (const chunk of file.octets) yield chunk;
    yield Buffer.alloc(-file.sizeBytes & (blockBytes - 1));
  }
  yield Buffer.alloc(2 * blockBytes);
}

function header({ name, sizeBytes, modifiedAt }: Omit<TarFile, 'octets'>, mode: number, type: '0' | '5'): Buffer {
  if (name.length > maxNameBytes)
    throw new Error(`a name of ${name.length} characters does not fit into a ustar header`);
  const block = Buffer.alloc(blockBytes);
  block.write(name, 0, 'latin1');
  block.write(octal(mode, 8), 100, 'latin1');
  // Owners are left to who unpacks it.
  block.write(octal(0, 8), 108, 'latin1');
  block.write(octal(0, 8), 116, 'latin1');
  block.write(octal(sizeBytes, 12), 124, 'latin1');
  block.write(octal(Math.max(0, Math.floor(modifiedAt.getTime() / 1000)), 12), 136, 'latin1');
  // The checksum is made as if its own field were blank.
  block.write(' '.repeat(8), 148, 'latin1');
  block.write(type, 156, 'latin1');
  block.write('ustar\u000000', 257, 'latin1');
  block.write(
    `${octal(
      block.reduce((sum, octet) => sum + octet, 0),
      7,
    )} `,
    148,
    'latin1',
  );
  return block;
}

/** With the NUL that ends it. */
const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`;
