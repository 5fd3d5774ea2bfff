import { compose, type SampleMessage } from './compose.js';
import { IRIS, JUNE, MAYA, OMAR, PAUL, TOMAS } from './people.js';

const SENDERS = [MAYA, OMAR, JUNE, TOMAS];
const SUBJECTS = [
  'The kettle is on',
  'Ferry is ten minutes late',
  'Who has the key to the workshop?',
  'Tomatoes to give away',
  'Rain from four o’clock',
  'Found: one blue glove',
];

/** The message that arrives while the demo runs; `number` makes each one different. */
export function newsItem(number: number): Promise<SampleMessage> {
  const subject = SUBJECTS[number % SUBJECTS.length] ?? 'News';
  return compose({
    hoursAgo: 0,
    from: SENDERS[number % SENDERS.length] ?? MAYA,
    to: number % 2 === 0 ? IRIS : PAUL,
    subject: `${subject} (${number})`,
    text: `${subject}.\n\nThis message was delivered while you watched.`,
    html: `<p>${subject}.</p><p>This message was delivered <b>while you watched</b>.</p>`,
  });
}
