/**
 * The same items, the next one always being made while the receiver works on the one before: the server sends a window while the
 * database stores another.
 */
export async function* readAhead<T>(source: AsyncGenerator<T, void, undefined>): AsyncGenerator<T, void, undefined> {
  let coming = ask(source);
  try {
    for (;;) {
      const { value, done } = await coming;
      if (done) return;
      coming = ask(source);
      yield value;
    }
  } finally {
    await coming.catch(() => undefined);
    await source.return(undefined);
  }
}

/** Its failure is thrown when it is asked for; until then nobody listens. */
function ask<T>(source: AsyncGenerator<T, void, undefined>): Promise<IteratorResult<T, void>> {
  const coming = source.next();
  coming.catch(() => undefined);
  return coming;
}
