type Range = readonly [first: number, last: number];

const maxUid = 2 ** 32 - 1;

/** A set of UIDs as ranges: a mailbox of a million messages is mostly one of them (RFC 9051 section 9, sequence-set). */
export class UidSet {
  private constructor(private readonly ranges: readonly Range[]) {}

  /** What is no UID or range of UIDs is left out; `*` is not, in an answer (RFC 4731 section 3.1). */
  static parse(text: string): UidSet {
    return new UidSet(
      merge(
        text.split(',').flatMap((entry): Range[] => {
          const match = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(entry.trim());
          if (!match) return [];
          const [a, b] = [Number(match[1]), Number(match[2] ?? match[1])];
          const range: Range = [Math.min(a, b), Math.max(a, b)];
          return range[0] >= 1 && range[1] <= maxUid ? [range] : [];
        }),
      ),
    );
  }

  static of(uids: Iterable<number>): UidSet {
    return new UidSet(merge([...uids].map((uid): Range => [uid, uid])));
  }

  static union(sets: readonly UidSet[]): UidSet {
    return new UidSet(merge(sets.flatMap(({ ranges }) => ranges)));
  }

  get rangeCount(): number {
    return this.ranges.length;
  }

  get size(): number {
    return this.ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  }

  /** 0 where there is none. */
  get first(): number {
    return this.ranges[0]?.[0] ?? 0;
  }

  get last(): number {
    return this.ranges.at(-1)?.[1] ?? 0;
  }

  has(uid: number): boolean {
    return this.ranges.some(([first, last]) => first <= uid && uid <= last);
  }

  *[Symbol.iterator](): Generator<number> {
    for (const [first, last] of this.ranges) for (let uid = first; uid <= last; uid += 1) yield uid;
  }

  /** The highest `count`, and the rest. */
  splitNewest(count: number): { readonly newest: UidSet; readonly rest: UidSet } {
    const newest: Range[] = [];
    const rest = [...this.ranges];
    for (let missing = count; missing > 0 && rest.length > 0;) {
      const [first, last] = rest.pop()!;
      const cut = Math.max(first, last - missing + 1);
      newest.unshift([cut, last]);
      if (cut > first) rest.push([first, cut - 1]);
      missing -= last - cut + 1;
    }
    return { newest: new UidSet(newest), rest: new UidSet(rest) };
  }

  /** The lowest `count`. */
  oldest(count: number): UidSet {
    return this.size <= count ? this : this.splitNewest(this.size - count).rest;
  }

  /** Only what lies from `first` to `last`. */
  within(first: number, last: number): UidSet {
    const clipped = this.ranges.map(([a, b]): Range => [Math.max(a, first), Math.min(b, last)]);
    return new UidSet(clipped.filter(([a, b]) => a <= b));
  }

  /** @param uids ascending @returns those not in this set; O(n) */
  absent<T extends number>(uids: readonly T[]): T[] {
    let at = 0;
    return uids.filter((uid) => {
      while (at < this.ranges.length && this.ranges[at]![1] < uid) at += 1;
      return at >= this.ranges.length || this.ranges[at]![0] > uid;
    });
  }

  /** @param uids ascending @returns those in this set; O(n) */
  among<T extends number>(uids: readonly T[]): T[] {
    const absent = new Set(this.absent(uids));
    return uids.filter((uid) => !absent.has(uid));
  }

  /** @param uids ascending @returns those of this set that are not among them; O(n) */
  without(uids: readonly number[]): UidSet {
    const left: Range[] = [];
    let at = 0;
    for (const [first, last] of this.ranges) {
      let from = first;
      while (at < uids.length && uids[at]! < first) at += 1;
      for (; at < uids.length && uids[at]! <= last; at += 1) {
        if (uids[at]! > from) left.push([from, uids[at]! - 1]);
        from = uids[at]! + 1;
      }
      if (from <= last) left.push([from, last]);
    }
    return new UidSet(left);
  }

  /** As sequence-sets of at most `maxChars` each: servers bound their command lines. */
  lines(maxChars: number): string[] {
    const lines: string[] = [];
    for (const [first, last] of this.ranges) {
      const text = first === last ? String(first) : `${first}:${last}`;
      const line = lines.at(-1);
      if (line !== undefined && line.length + 1 + text.length <= maxChars) lines[lines.length - 1] = `${line},${text}`;
      else lines.push(text);
    }
    return lines;
  }
}

function merge(ranges: readonly Range[]): Range[] {
  const merged: [number, number][] = [];
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const previous = merged.at(-1);
    if (previous && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last);
    else merged.push([first, last]);
  }
  return merged;
}
