import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const maxOutputBytes = 1024 * 1024;

/** A user that a child process runs as. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

interface CommandOptions {
  /** Undefined: the gateway's own user. */
  readonly as?: Identity | undefined;
  readonly timeoutMs: number;
  readonly cwd?: string;
}

/** What child processes see of ours: neither the gateway's secrets nor PG* variables, which would change what they do. */
export const childEnvironment = (): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'] ?? '/usr/bin:/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
});

/**
 * Runs a program to its end, in `/` unless told otherwise: the gateway's own directory may be closed to the other user.
 * @returns what it wrote to standard output
 * @throws Error whose message ends with what the program wrote to standard error
 */
export async function runCommand(file: string, args: readonly string[], options: CommandOptions): Promise<string> {
  const { as, timeoutMs, cwd = '/' } = options;
  try {
    const { stdout } = await execute(file, args, {
      ...as,
      cwd,
      env: childEnvironment(),
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      maxBuffer: maxOutputBytes,
      encoding: 'utf8',
    });
    return stdout;
  } catch (error) {
    throw new Error(`${file} failed: ${reasonOf(error, timeoutMs)}`, { cause: error });
  }
}

function reasonOf(error: unknown, timeoutMs: number): string {
  const { killed, stderr, message } = error as { killed?: boolean; stderr?: string; message: string };
  if (killed) return `no answer within ${timeoutMs / 1000} seconds`;
  return stderr?.trim() || message;
}

/** Whether the program ends with status 0. */
export async function succeeds(file: string, args: readonly string[], options: CommandOptions): Promise<boolean> {
  try {
    await runCommand(file, args, options);
    return true;
  } catch {
    return false;
  }
}
