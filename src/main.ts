import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { startGateway } from './gateway.js';
import { ConfigError, loadConfig } from './config/load-config.js';

/** Time for streams to end and mail servers to be left politely; then the process ends anyhow. */
const stopDeadlineMs = 15_000;

try {
  const gateway = await startGateway(loadConfig());
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    // Whoever asks twice does not want to wait.
    if (stopping) process.exit(1);
    stopping = true;
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
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
} catch (error) {
  // For a person at a terminal. What we throw ourselves says what to do; only a fault of ours needs its stack.
  const { name, message, stack } = error as Error;
  process.stderr.write(`${name === 'Error' || error instanceof ConfigError ? message : (stack ?? String(error))}\n`);
  process.exit(1);
}
