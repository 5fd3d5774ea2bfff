/** What CAPA said (RFC 2449). Servers without CAPA are asked by trying. */
export interface Pop3Capabilities {
  /** The lines as they came, for people. */
  readonly lines: readonly string[];
  readonly pipelining: boolean;
  readonly uidl: boolean;
  readonly top: boolean;
  readonly utf8: boolean;
  /** Upper case. */
  readonly sasl: readonly string[];
  /** Least time between two sign-ins (RFC 2449 section 6.5). */
  readonly loginDelaySeconds?: number;
  /** Days a message is kept on the server; 0: it may go as soon as it was fetched (RFC 2449 section 6.7). */
  readonly expireDays?: number | 'NEVER';
}

/** @param lines of a CAPA reply; a name said twice counts by its first line */
export function parseCapabilities(lines: readonly string[]): Pop3Capabilities {
  const args = new Map<string, readonly string[]>();
  for (const line of lines) {
    const [name = '', ...rest] = line.trim().toUpperCase().split(/\s+/);
    if (!args.has(name)) args.set(name, rest);
  }
  const expire = args.get('EXPIRE')?.[0];
  return {
    lines,
    pipelining: args.has('PIPELINING'),
    uidl: args.has('UIDL'),
    top: args.has('TOP'),
    utf8: args.has('UTF8'),
    sasl: args.get('SASL') ?? [],
    loginDelaySeconds: count(args.get('LOGIN-DELAY')?.[0]),
    expireDays: expire === 'NEVER' ? expire : count(expire),
  };
}

const count = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
