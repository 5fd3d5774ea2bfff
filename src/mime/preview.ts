import { cutText, singleLine, storableText, withoutBidi } from './clean-text.js';
import { MAX_PREVIEW_CHARS } from './mime.limits.js';

/** Of the text, this much is looked at. */
const MAX_READ_CHARS = 16 * 1024;
const QUOTED_LINE = /^\s*>/;
const RULE_LINE = /^[\s\-_=*~#.·•|+]{3,}$/;
/** RFC 3676 section 4.3. */
const SIGNATURE_LINE = /^-- ?$/;
// "On Tue, 1 Jul 2003, Ann wrote:" in any language: in front of a quote, ends with a colon, names a day or an address.
const ATTRIBUTION = /[\d@].*:\s*$/;
const ATTRIBUTION_START = /^\s*(?:on|am|le|el|il|em|op|den|w dniu)\s.*[\d@]/i;
const URL_NOISE = /<(?:https?|mailto):[^<>\s]*>|\[(?:https?|cid|image):[^\]\s]*\]|https?:\/\/\S{30,}/gi;
// What senders fill the space after their first line with, so that nothing else shows in lists of messages.
const FILLERS = /(?:[\u00ad\u115f\u1160\u180e\u2060-\u2064\u3164\uffa0\u200c\u200d]|\u034f|\u17b4|\u17b5)+/g;

/**
 * The start of a text on one line, for lists of messages: without quotes, signatures, rules, long addresses, control and
 * reordering characters.
 * @returns at most 256 characters; '' where there is nothing to say
 */
export function makePreview(text: string): string {
  const start = cutText(text, MAX_READ_CHARS);
  const own = oneLine(ownLines(start.split(/\r?\n/)).join('\n'));
  // All of it is quoted: then that is what the message says.
  return own !== '' ? own : oneLine(start.replace(/^[\s>]+/gm, ''));
}

function ownLines(lines: readonly string[]): string[] {
  const own: string[] = [];
  for (const line of lines) {
    if (SIGNATURE_LINE.test(line)) break;
    if (QUOTED_LINE.test(line)) dropAttribution(own);
    else if (!RULE_LINE.test(line)) own.push(line);
  }
  return own;
}

/** It may be folded onto a second line. */
function dropAttribution(own: string[]): void {
  while (own.at(-1)?.trim() === '') own.pop();
  const last = own.at(-1) ?? '';
  if (last.length > 300 || !last.trimEnd().endsWith(':')) return;
  const folded = ATTRIBUTION_START.test(own.at(-2) ?? '') && !ATTRIBUTION_START.test(last);
  if (folded) own.length -= 2;
  else if (ATTRIBUTION.test(last)) own.pop();
}

function oneLine(text: string): string {
  const plain = withoutFillers(withoutBidi(text.replace(URL_NOISE, ' ')));
  const collapsed = singleLine(plain, plain.length).replace(/[\s\u00a0\u2000-\u200a\u202f\u205f\u3000]+/g, ' ');
  return storableText(cutText(collapsed, MAX_PREVIEW_CHARS).trim());
}

/** A joiner between letters is spelling, and holds emoji together; before a space or in a row it is filling. */
function withoutFillers(text: string): string {
  return text.replace(FILLERS, (run, at: number) => {
    const next = text[at + run.length];
    return run.length > 1 || next === undefined || /\s/.test(next) ? '' : run;
  });
}
