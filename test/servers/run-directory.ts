/** The directory of this run of jest, made before and deleted after it (test/setup). */
export function runDirectory(): string {
  const directory = process.env.MAILROOM_TEST_RUN;
  if (directory === undefined) throw new Error('MAILROOM_TEST_RUN is not set: run the tests through jest.config.mjs');
  return directory;
}
