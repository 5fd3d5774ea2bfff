import { makeRunDirectory, sweepRunDirectories } from './run-directory.mjs';

/** Costs nothing but a directory: servers are started by the first test that asks for one. */
export default function setUp() {
  sweepRunDirectories();
  process.env.MAILROOM_TEST_RUN = makeRunDirectory();
}
