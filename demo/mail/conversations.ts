import { ANSWERED, compose, FLAGGED, SEEN, type SampleInput, type SampleMessage } from './compose.js';
import { IRIS, JUNE, LIST, MAYA, OMAR, PAUL, TOMAS } from './people.js';

type Line = Omit<SampleInput, 'messageId' | 'inReplyTo' | 'references' | 'subject'>;

/** A thread: each message answers the one before it, as `In-Reply-To` and `References` say (RFC 5322 section 3.6.4). */
async function thread(name: string, subject: string, lines: readonly Line[]): Promise<SampleMessage[]> {
  const ids = lines.map((_, at) => `<${name}.${at + 1}@demo.example>`);
  return Promise.all(
    lines.map((line, at) =>
      compose({
        ...line,
        subject: at === 0 ? subject : `Re: ${subject}`,
        messageId: ids[at],
        inReplyTo: ids[at - 1],
        references: ids.slice(0, at),
      }),
    ),
  );
}

export function boatTrip(): Promise<SampleMessage[]> {
  return thread('boat', 'Boat trip on the 14th?', [
    {
      hoursAgo: 52,
      from: MAYA,
      to: [IRIS, TOMAS, OMAR],
      flags: [SEEN, ANSWERED],
      text: 'The harbour rents the small ferry again. Shall we take it on the 14th? It holds twelve.\n\nMaya',
    },
    {
      hoursAgo: 50,
      from: IRIS,
      to: [MAYA, TOMAS, OMAR],
      flags: [SEEN],
      text: 'Yes! I bring bread and the big teapot.\n\n> The harbour rents the small ferry again.',
    },
    {
      hoursAgo: 47,
      from: TOMAS,
      to: [MAYA, IRIS],
      cc: [OMAR],
      flags: [SEEN],
      text: 'Count me in, with two children. Do they have life jackets in small sizes?\n\nTomás',
    },
    {
      hoursAgo: 3.2,
      from: OMAR,
      to: [MAYA, IRIS, TOMAS],
      text: 'They do, I asked: sizes from 15 kg. I would like to bring my sister, so that makes nine of us.\n\nOmar',
    },
    {
      hoursAgo: 1.4,
      from: MAYA,
      to: [IRIS, TOMAS, OMAR],
      flags: [FLAGGED],
      text: 'Booked: 14th, 10:30, pier 4. Please send me 18 each before Friday.\n\nMaya',
    },
  ]);
}

export function rehearsal(): Promise<SampleMessage[]> {
  return thread('choir', 'Choir: room changed', [
    {
      hoursAgo: 30,
      from: JUNE,
      to: [IRIS, PAUL],
      flags: [SEEN],
      text: 'The hall has a leak, so on Tuesday we sing in the school, room 12. Same time.',
    },
    { hoursAgo: 29, from: PAUL, to: JUNE, cc: [IRIS], flags: [SEEN], text: 'Does room 12 have a piano?' },
    { hoursAgo: 5, from: JUNE, to: [PAUL, IRIS], text: 'An electric one. Bring ears that forgive. 🎹' },
  ]);
}

export function sourdough(): Promise<SampleMessage[]> {
  const list = { list: { unsubscribe: 'https://lists.example/bakers/leave', id: 'bakers.lists.example' } };
  return thread('dough', '[bakers] Flat loaf, what went wrong?', [
    {
      ...list,
      hoursAgo: 75,
      from: OMAR,
      to: LIST,
      flags: [SEEN],
      text: 'It rose well in the basket and then spread on the stone. 72% water, 12 hours in the cold.',
    },
    {
      ...list,
      hoursAgo: 74,
      from: PAUL,
      to: LIST,
      flags: [SEEN],
      text: 'Too long, I would say. Try nine hours, and shape it tighter.',
    },
    {
      ...list,
      hoursAgo: 70,
      from: JUNE,
      to: LIST,
      flags: [SEEN],
      text: 'Or too warm before it went in. What does your thermometer say?',
    },
    { ...list, hoursAgo: 20, from: OMAR, to: LIST, text: 'It says 27 °C. That explains it. Thank you both.' },
  ]);
}
