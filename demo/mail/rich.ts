import { compose, encodedWord, FLAGGED, raw, SEEN, type SampleMessage } from './compose.js';
import { barChart } from './picture.js';
import { IRIS, JUNE, MAYA, OMAR, PAUL, SHOP, TOMAS } from './people.js';

export function pictureInText(): Promise<SampleMessage> {
  return compose({
    hoursAgo: 9,
    from: JUNE,
    to: IRIS,
    flags: [FLAGGED],
    subject: 'Honey by month',
    text: 'June was the best month: 41 kg. The chart is in the HTML part.',
    html: '<p>June was the <b>best month</b>: 41 kg.</p><p><img src="cid:chart@demo.example" alt="Bar chart"></p>',
    attachments: [
      {
        filename: 'honey.png',
        cid: 'chart@demo.example',
        contentDisposition: 'inline',
        content: barChart([4, 11, 26, 41, 33, 17, 6]),
      },
    ],
  });
}

export function newsletter(): Promise<SampleMessage> {
  return compose({
    hoursAgo: 26,
    from: SHOP,
    to: IRIS,
    subject: 'Autumn teapots are here 🍂',
    list: { unsubscribe: 'https://kettle.example/leave?u=1' },
    text: 'Autumn teapots are here: https://kettle.example/autumn',
    html: `<!doctype html><html><head><style>.card{border:1px solid #ddd;padding:12px}</style></head><body>
<h1 style="color:#8a4b2a">Autumn teapots</h1>
<div class="card"><img src="https://kettle.example/pixel.gif?u=1" width="1" height="1" alt="">
<img src="https://kettle.example/teapot.jpg" alt="A brown teapot"><p>Stoneware, 1.2 litres, <a href="https://kettle.example/autumn">34.00</a></p></div>
<script>alert('mail never runs scripts')</script><form action="https://kettle.example/x"><input name="q"><button>Search</button></form>
</body></html>`,
  });
}

export function receipt(): Promise<SampleMessage> {
  return compose({
    hoursAgo: 98,
    from: SHOP,
    to: PAUL,
    flags: [SEEN],
    subject: 'Your order 20417',
    html: '<table><tr><th>Item</th><th>Price</th></tr><tr><td>Tea towel, blue</td><td>9.50</td></tr><tr><td>Postage</td><td>2.90</td></tr></table>',
    attachments: [
      { filename: 'invoice-20417.pdf', contentType: 'application/pdf', content: onePagePdf('Invoice 20417') },
    ],
  });
}

export function minutes(): Promise<SampleMessage> {
  return compose({
    hoursAgo: 7,
    from: MAYA,
    to: [IRIS, PAUL],
    cc: [TOMAS],
    subject: 'Minutes and the list of helpers',
    text: 'Attached: the minutes, and the list as a table.\n\nMaya',
    attachments: [
      {
        filename: 'Procès-verbal d’été.txt',
        content: 'Present: Maya, Iris, Tomás, Omar.\nAgreed: the ferry, the bread.\n',
      },
      { filename: 'helpers.csv', content: 'name,shift\nIris,morning\nOmar,evening\n' },
      { filename: 'photo of the pier.png', content: barChart([2, 5, 3]) },
    ],
  });
}

export function invitation(): Promise<SampleMessage> {
  const day = new Date(Date.now() + 9 * 86_400_000).toISOString().slice(0, 10).replaceAll('-', '');
  return compose({
    hoursAgo: 12,
    from: TOMAS,
    to: [IRIS, PAUL],
    subject: 'Invitation: repair evening',
    text: 'Bring what is broken; we bring the soldering irons.',
    icalEvent: {
      method: 'REQUEST',
      content: [
        'BEGIN:VCALENDAR',
        'VERSION:2.0',
        'PRODID:-//demo.example//EN',
        'METHOD:REQUEST',
        'BEGIN:VEVENT',
        `UID:repair-${day}@demo.example`,
        `DTSTART:${day}T180000Z`,
        `DTEND:${day}T210000Z`,
        'SUMMARY:Repair evening',
        'LOCATION:Workshop\\, Quay 3',
        'END:VEVENT',
        'END:VCALENDAR',
        '',
      ].join('\r\n'),
    },
  });
}

/** A message inside a message (message/rfc822), with an attachment of its own. */
export async function forwarded(): Promise<SampleMessage> {
  const inner = await minutes();
  return compose({
    hoursAgo: 6,
    from: PAUL,
    to: IRIS,
    subject: 'Fwd: Minutes and the list of helpers',
    text: 'Have you seen this?',
    attachments: [{ contentType: 'message/rfc822', content: inner.octets, filename: 'minutes.eml' }],
  });
}

export function largeAttachment(): Promise<SampleMessage> {
  return compose({
    hoursAgo: 120,
    from: OMAR,
    to: IRIS,
    flags: [SEEN],
    subject: 'Recordings from Tuesday',
    text: 'One file, 400 kB. The bass is too loud, I know.',
    attachments: [{ filename: 'tuesday.raw', content: Buffer.alloc(400_000, 'la la la ') }],
  });
}

/** What a mail server sends when it could not deliver (RFC 3464). */
export function bounce(): SampleMessage {
  return raw({
    hoursAgo: 16,
    headers: [
      'From: Mail Delivery System <mailer-daemon@demo.example>',
      'To: iris@demo.example',
      `Subject: ${encodedWord('Nicht zugestellt: Grüße aus Köln', 'iso-8859-1')}`,
      'Message-ID: <bounce.1@demo.example>',
      'Auto-Submitted: auto-replied',
      'MIME-Version: 1.0',
      'Content-Type: multipart/report; report-type=delivery-status; boundary="=_report"',
    ],
    body: `--=_report
Content-Type: text/plain; charset=us-ascii

Your message to nobody@harbour.example could not be delivered.

--=_report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.demo.example

Final-Recipient: rfc822; nobody@harbour.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user

--=_report
Content-Type: text/rfc822-headers

From: Iris Vermeer <iris@demo.example>
To: nobody@harbour.example
Subject: =?iso-8859-1?Q?Gr=FC=DFe_aus_K=F6ln?=

--=_report--`,
  });
}

function onePagePdf(title: string): Buffer {
  const text = `BT /F1 24 Tf 72 720 Td (${title}) Tj ET`;
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>',
    `<< /Length ${text.length} >>\nstream\n${text}\nendstream`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
  ];
  let pdf = '%PDF-1.4\n';
  const offsets = objects.map((object, at) => {
    const offset = pdf.length;
    pdf += `${at + 1} 0 obj\n${object}\nendobj\n`;
    return `${String(offset).padStart(10, '0')} 00000 n \n`;
  });
  const table = `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${offsets.join('')}`;
  return Buffer.from(
    `${pdf}${table}trailer << /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${pdf.length}\n%%EOF\n`,
  );
}
