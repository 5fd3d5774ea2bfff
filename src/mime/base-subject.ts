import { MAX_SUBJECT_CHARS } from './mime.limits.js';

// RFC 5256 section 5: subj-blob, subj-refwd.
const BLOB = /^\[[^[\]]*\]\s*/;
const REFWD = /^(?:re|fwd?)\s*(?:\[[^[\]]*\]\s*)?:\s*/i;
const TRAILER = /(?:\s|\(fwd\))+$/i;
const FORWARD = /^\[fwd:(.*)\]$/is;

/**
 * What is left of a subject without "Re:", "Fwd:", list names and the like (RFC 5256 section 2.1), for sorting and for
 * threads. Case is kept: compare without it.
 * @param subject decoded
 */
export function baseSubject(subject: string): string {
  let base = subject.slice(0, MAX_SUBJECT_CHARS).replace(/\s+/g, ' ').trim();
  for (;;) {
    const inner = unwrap(base);
    const wrapped = FORWARD.exec(inner);
    if (!wrapped) return inner;
    base = wrapped[1] ?? '';
  }
}

function unwrap(subject: string): string {
  let base = withoutTrailer(subject);
  for (;;) {
    const next = withoutLeader(base);
    if (next === base) return base;
    base = next;
  }
}

/** Leaders may have blobs before them; a blob alone is dropped only where something is left (steps 3 and 4). */
function withoutLeader(base: string): string {
  const reply = base.replace(REFWD, '');
  if (reply !== base) return reply;
  const unlabelled = base.replace(BLOB, '');
  return unlabelled === '' || FORWARD.test(base) ? base : unlabelled;
}

function withoutTrailer(text: string): string {
  return text.replace(TRAILER, '').trimStart();
}
