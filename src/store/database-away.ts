import pg from 'pg';
import { QueryFailedError } from 'typeorm';
import { systemErrorCode } from '../common/system-error-code.js';

/** Classes 08 (connection) and 57P (shutdown, crash, starting up), and 53300 (too many connections): Postgres, appendix A. */
const serverSays = /^(?:08|57P|53300)/;
/** Of Node's sockets; ENOENT is a Unix socket of a server that is not there. */
const socketSays = /^(?:ECONNREFUSED|ECONNRESET|EPIPE|ENOENT|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN)$/;
/** pg's own errors about connections carry no code. */
const clientSays = /^(?:Connection terminated|Client has encountered a connection error|timeout exceeded when trying)/;

/** True where the database could not be reached, or ended the session: nothing was wrong with what was asked of it. */
export function isDatabaseAway(error: unknown): boolean {
  if (error instanceof QueryFailedError) return isDatabaseAway(error.driverError);
  const code = systemErrorCode(error) ?? '';
  if (error instanceof pg.DatabaseError) return serverSays.test(code);
  return socketSays.test(code) || (error instanceof Error && clientSays.test(error.message));
}
