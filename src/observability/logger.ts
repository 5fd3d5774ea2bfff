import type { LoggerService } from '@nestjs/common';
import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino';
import type { LogLevel } from '../config/config.js';
import { cleanText, redact } from './redact.js';

/** What Nest tells of its own wiring, a hundred lines at each start: for who looks for it. */
const FRAMEWORK = new Set<unknown>(['InstanceLoader', 'NestFactory', 'RouterExplorer', 'RoutesResolver']);

type Level = Exclude<LogLevel, 'silent'>;

/**
 * Nest's logger on pino: one event, one line of JSON, fields not prose. Code uses `new Logger(Name.name)` of `@nestjs/common` and
 * `log.warn({ accountId, was, now }, 'uidvalidity changed')`; this is given to Nest once, at start. Everything passes `redact`.
 */
export class JsonLogger implements LoggerService {
  private readonly pino: PinoLogger;

  constructor(level: LogLevel, destination?: DestinationStream) {
    const options = { level, base: null, timestamp: () => `,"time":"${new Date().toISOString()}"` };
    this.pino = destination ? pino(options, destination) : pino(options);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  log(message: unknown, ...rest: unknown[]): void {
    this.write(FRAMEWORK.has(rest.at(-1)) ? 'debug' : 'info', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }

  private write(level: Level, message: unknown, rest: readonly unknown[]): void {
    if (!this.pino.isLevelEnabled(level)) return;
    const { fields, text } = toEvent(message, rest);
    this.pino[level](fields, text);
  }
}

/**
 * Nest calls with the message, perhaps a stack, and last the name of who logs; our own code with fields, then the text, then that
 * name.
 */
function toEvent(message: unknown, rest: readonly unknown[]): { fields: Record<string, unknown>; text: string } {
  const texts = rest.filter((item) => typeof item === 'string');
  const context = texts.at(-1);
  const details = texts.slice(0, -1);
  if (typeof message === 'string') {
    const [stack] = details;
    return {
      fields: { context, ...(stack === undefined ? {} : { stack: cleanText(stack) }) },
      text: cleanText(message),
    };
  }
  const fields = redact(message);
  const record = isError(message) || !isRecord(fields) ? { error: fields } : fields;
  return { fields: { context, ...record }, text: cleanText(details.join(' ')) };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isError = (value: unknown): boolean => isRecord(value) && 'stack' in value && 'message' in value;
