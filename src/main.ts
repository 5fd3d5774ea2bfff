import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { startGateway } from './gateway.js';
import { ConfigError, loadConfig } from './config/load-config.js';

/** Time for streams to end and mail servers to be left politely; then the process ends anyhow. */
const stopDeadlineMs = 15_000;

try {
  const gateway = await startGateway(loadConfig());
  const stop = (signal: NodeJS.Signals): void => {
    new Logger('Gateway').log({ signal }, 'stopping');
    setTimeout(() => process.exit(1), stopDeadlineMs).unref();
    gateway.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        new Logger('Gateway').error(error);
        process.exit(1);
      },
    );
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
} catch (error) {
  // Before the logger stands, and for a person at a terminal: the message, without a stack where the cure is in the words.
  process.stderr.write(`${error instanceof ConfigError ? error.message : String((error as Error).stack ?? error)}\n`);
  process.exit(1);
}
