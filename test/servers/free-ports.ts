import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/**
 * Asks the system for loopback ports nobody listens on. All are held open until the last is known, so they differ;
 * another process may still take one before its user binds it, so callers must be ready to try again.
 */
export async function findFreePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map(portOf);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on TCP');
  return address.port;
}
