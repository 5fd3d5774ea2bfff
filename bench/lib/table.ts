import { cpus, release } from 'node:os';

/** Prints rows below their heads, in columns as wide as they need to be. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width)).join(' | ')} |`;
  console.log(
    ['', line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)].join('\n'),
  );
}

/** What a figure is worth nothing without. */
export function printMachine(): void {
  const [first] = cpus();
  const date = new Date().toISOString().slice(0, 10);
  console.log(`\n${date}, ${cpus().length} x ${first?.model.trim()}, Linux ${release()}, node ${process.version}`);
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
export const megabytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(0)} MiB`;
