import { boatTrip, rehearsal, sourdough } from './conversations.js';
import { compose, FLAGGED, SEEN, type SampleMessage } from './compose.js';
import { bare, charsets, cutOff, undeclaredCharset, utf8Header } from './odd.js';
import { IRIS, JUNE, MAYA, OMAR, PAUL, SHOP, TOMAS } from './people.js';
import { bounce, forwarded, invitation, largeAttachment, minutes, newsletter, pictureInText, receipt } from './rich.js';

/** The mail of the IMAP account by mailbox path. */
export async function imapMailboxes(): Promise<Record<string, SampleMessage[]>> {
  const [boat, bread] = await Promise.all([boatTrip(), sourdough()]);
  return {
    INBOX: byArrival([
      ...boat.filter((_, at) => at !== 1),
      ...charsets(),
      undeclaredCharset(),
      utf8Header(),
      bare(),
      cutOff(),
      bounce(),
      ...(await Promise.all([pictureInText(), newsletter(), minutes(), forwarded(), invitation(), largeAttachment()])),
    ]),
    Sent: boat.filter((_, at) => at === 1),
    Drafts: [await draft()],
    Archive: await Promise.all([2, 3, 4, 5].map((week) => weekly(week))),
    'Archive/Baking': bread,
    Junk: [await junk()],
    Trash: [await oldNotice()],
  };
}

/** The maildrop of the POP3 account, oldest first. */
export async function pop3Maildrop(): Promise<SampleMessage[]> {
  return byArrival([
    ...(await rehearsal()),
    ...(await Promise.all([receipt(), invitation(), minutes(), weekly(1), junk()])),
    ...charsets().slice(0, 2),
    bare(),
  ]);
}

function byArrival(messages: readonly SampleMessage[]): SampleMessage[] {
  return messages.toSorted((a, b) => a.receivedAt.getTime() - b.receivedAt.getTime());
}

function weekly(week: number): Promise<SampleMessage> {
  return compose({
    hoursAgo: week * 168,
    from: week % 2 === 0 ? JUNE : TOMAS,
    to: [IRIS, PAUL],
    flags: week === 3 ? [SEEN, FLAGGED] : [SEEN],
    subject: `Week ${week}: what happened in the garden`,
    text: `Beans: ${week * 4} kg. Slugs: too many.\n\nPictures follow.`,
    html: `<p>Beans: <strong>${week * 4} kg</strong>. Slugs: <em>too many</em>.</p><p>Pictures follow.</p>`,
  });
}

function draft(): Promise<SampleMessage> {
  return compose({
    hoursAgo: 2,
    from: IRIS,
    to: OMAR,
    flags: ['\\Draft', SEEN],
    subject: 'The teapot',
    text: 'Dear Omar,\n\nabout the teapot: ',
  });
}

function junk(): Promise<SampleMessage> {
  return compose({
    hoursAgo: 44,
    from: { name: 'Prize Office', address: 'win@prizes.example' },
    to: [IRIS, PAUL],
    flags: ['$Junk'],
    subject: 'You have WON a pier',
    html: '<h1>CONGRATULATIONS</h1><p><a href="http://prizes.example/claim">Claim your pier</a></p>',
  });
}

function oldNotice(): Promise<SampleMessage> {
  return compose({
    hoursAgo: 400,
    from: SHOP,
    to: IRIS,
    cc: MAYA,
    flags: [SEEN],
    subject: 'We moved',
    text: 'Our new address is Quay 7.',
  });
}
