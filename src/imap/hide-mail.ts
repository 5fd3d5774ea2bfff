/** What of a FETCH response (RFC 9051 section 7.5.2) people have written: subjects, addresses, bodies, previews. */
const written = /^(ENVELOPE|PREVIEW|SNIPPET|BODY\[|BINARY\[|RFC822)/;

/**
 * A line of a FETCH response with every quoted text of the message itself replaced by its length; flags, dates, numbers and the
 * structure stay, for they are what goes wrong. Other lines are given back as they are.
 * @param line may have been cut anywhere
 */
export function hideMail(line: string): string {
  if (!/^\* \d+ FETCH /i.test(line)) return line;
  const [, before, after] = /^(.*?\{\d+\+?\} )(.+)$/.exec(line) ?? [];
  if (before === undefined || after === undefined) return hideQuoted(line);
  // Where the literal was longer than the server said its end comes here.
  return hideQuoted(before) + (items.test(after) ? after : `[${after.length}]`);
}

function hideQuoted(line: string): string {
  if (!line.includes('"')) return line;
  let depth = 0;
  let item = '';
  return line.replace(token, (found) => {
    if (found === '(') depth += 1;
    else if (found === ')') depth -= 1;
    else if (!found.startsWith('"')) item = depth === 1 && /^[A-Za-z]/.test(found) ? found.toUpperCase() : item;
    else if (written.test(item)) return `"[${found.length - (found.endsWith('"') && found.length > 1 ? 2 : 1)}]"`;
    return found;
  });
}

/** Names and numbers of data items, flags, and no words. */
const items = /^(?:[ ()[\]<>{}A-Z\d.+-]|[\\$][A-Za-z]+)*$/;

/** A quoted string, perhaps without its end; a parenthesis; an atom. */
const token = /"(?:[^"\\]|\\.)*"?|[()]|[^\s()"]+/g;
