const hidden = '***';

/**
 * Takes secrets out of texts that somebody else wrote: as they are, quoted, percent-encoded, in hexadecimal, and inside any
 * base64, wherever in the encoded text they begin, so that SASL messages around them (PLAIN, XOAUTH2, OAUTHBEARER) need not be
 * known.
 */
export class SecretFilter {
  private readonly forms: readonly string[];
  /** Longest text that could be a secret: a text that is cut at less may end in half of one. */
  readonly longestForm: number;

  /** @param secrets as JavaScript strings; empty ones are passed over */
  constructor(secrets: readonly string[]) {
    const forms = new Set(secrets.flatMap(formsOf).filter((form) => form !== ''));
    this.forms = [...forms].sort((a, b) => b.length - a.length);
    this.longestForm = this.forms[0]?.length ?? 0;
  }

  /** @param text octets as latin1 */
  clean(text: string): string {
    let clean = text;
    for (const form of this.forms) if (clean.includes(form)) clean = clean.replaceAll(form, hidden);
    return clean;
  }
}

function formsOf(secret: string): readonly string[] {
  const octets = Buffer.from(secret);
  const latin1 = octets.toString('latin1');
  const percent = encodeURIComponent(secret.toWellFormed());
  const plain = [latin1, latin1.replace(/[\\"]/g, '\\$&'), percent, percent.toLowerCase()];
  const hex = octets.toString('hex');
  return [...plain, hex, hex.toUpperCase(), ...[0, 1, 2].flatMap((before) => insideBase64(octets, before))];
}

/** The letters of base64 that depend on these octets alone, when `before` octets of their group come before them. */
function insideBase64(octets: Buffer, before: number): readonly string[] {
  const bitsBefore = before * 8;
  const first = Math.ceil(bitsBefore / 6);
  const end = Math.floor((bitsBefore + octets.length * 8) / 6);
  const padded = Buffer.concat([Buffer.alloc(before), octets]);
  return [padded.toString('base64').slice(first, end), padded.toString('base64url').slice(first, end)];
}
