import { sleep } from '../../common/sleep.js';

/** Streams closed in a second, so that their clients do not all come back at once … */
const perSecond = 50;
/** … but no stop of the gateway takes longer for it than this. */
const longestMs = 4_000;

/** Closes streams at random moments of the next seconds; few of them at once, many of them spread out. */
export async function sayFarewell<T>(streams: Iterable<T>, close: (stream: T) => Promise<void> | void): Promise<void> {
  const all = [...streams];
  const withinMs = Math.min(longestMs, (all.length / perSecond) * 1_000);
  await Promise.all(
    all.map(async (stream) => {
      await sleep(Math.random() * withinMs);
      await close(stream);
    }),
  );
}
