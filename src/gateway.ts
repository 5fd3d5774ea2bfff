import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from './app.module.js';
import type { Config } from './config/config.js';
import { JsonLogger } from './observability/logger.js';
import { startDatabase } from './store/database.js';

export interface Gateway {
  /** Where it listens, e.g. `http://127.0.0.1:4000`. */
  readonly url: string;
  /** Streams end, mail servers are left, the database stops. */
  stop(): Promise<void>;
}

/** Starts everything, or nothing: what had begun is ended before the error is thrown. */
export async function startGateway(config: Config): Promise<Gateway> {
  const logger = new JsonLogger(config.logLevel);
  Logger.overrideLogger(logger);
  const database = await startDatabase(config);
  try {
    const app = await NestFactory.create<NestExpressApplication>(AppModule.forRoot(config, database), {
      logger,
      bodyParser: false,
      abortOnError: false,
    });
    await app.listen(config.port, config.host);
    const url = await app.getUrl();
    logger.log({ url }, 'listening', 'Gateway');
    const stop = async (): Promise<void> => {
      await app.close();
      await database.stop();
    };
    return { url, stop };
  } catch (error) {
    await database.stop();
    throw error;
  }
}
