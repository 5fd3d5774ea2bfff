const CRLF = Buffer.from('\r\n');

/** A whole multi-line response: status, the octets with their leading dots doubled, and the lone dot (RFC 1939 section 3). */
export function multiline(status: string, octets: Buffer): Buffer {
  const stuffed = Buffer.from(octets.toString('latin1').replace(/(^|\n)\./g, '$1..'), 'latin1');
  const end = stuffed.length === 0 || stuffed.subarray(-2).equals(CRLF) ? '.\r\n' : '\r\n.\r\n';
  return Buffer.concat([Buffer.from(`+OK ${status}\r\n`), stuffed, Buffer.from(end)]);
}

/** The header, the blank line and that many lines of the body (RFC 1939 section 7, TOP). */
export function topOf(octets: Buffer, bodyLines: number): Buffer {
  const separator = octets.indexOf('\r\n\r\n');
  if (separator === -1) return octets;
  let end = separator + 4;
  for (let taken = 0; taken < bodyLines && end < octets.length; taken += 1) {
    const next = octets.indexOf(CRLF, end);
    end = next === -1 ? octets.length : next + 2;
  }
  return octets.subarray(0, end);
}
