import { removeRunDirectory } from './run-directory.mjs';

export default function tearDown() {
  removeRunDirectory(process.env.MAILROOM_TEST_RUN);
}
