import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { describeMessage } from './describe-message.js';
import { htmlToText, htmlToWords } from './html-to-text.js';
import { makePreview } from './preview.js';

describe('makePreview', () => {
  it.each([
    ['Hello\r\n  Bob,\r\n\r\n\tthanks!', 'Hello Bob, thanks!'],
    ['Yes.\n\nOn Tue, 1 Jul 2003, Ann wrote:\n> question?\n> more', 'Yes.'],
    ['Yes.\n\nOn Tue, 1 Jul 2003 at 10:52, Ann Example <ann@example.org>\nwrote:\n> question?', 'Yes.'],
    ['Ja.\n\nAm 01.07.2003 um 10:52 schrieb Ann:\n> Frage?', 'Ja.'],
    ['> quoted\n> only', 'quoted only'],
    ['Hi\n-- \nAnn\nExample Ltd', 'Hi'],
    ['======\nTitle\n------\ntext', 'Title text'],
    ['See <https://example.org/a/very/long?link=1> now', 'See now'],
    ['See https://example.org/ now', 'See https://example.org/ now'],
    [`See https://example.org/${'x'.repeat(60)} now`, 'See now'],
    ['[cid:image001.png@01D] Hi', 'Hi'],
    ['a\u202eb\u2066c\u200fd\u0007e\0f\ufeffg', 'abcd e\ufffdfg'],
    ['Preheader\u034f \u200c\u00a0\u200c\u00a0\u00ad\u034f\u200c end', 'Preheader end'],
    ['👩\u200d👩\u200d👧 family می\u200cخواهم', '👩\u200d👩\u200d👧 family می\u200cخواهم'],
    ['', ''],
    [' \r\n\t ', ''],
  ])('makes of %j', (text, expected) => {
    expect(makePreview(text)).toBe(expected);
  });

  it('is one clean line of at most 256 characters, whatever the text', () => {
    const messy = fc.array(
      fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('\n>', '\r\n', 'x'.repeat(250), '😀'.repeat(130))),
    );
    fc.assert(
      fc.property(messy, (pieces) => {
        const preview = makePreview(pieces.join(''));
        expect(preview.length).toBeLessThanOrEqual(256);
        expect(preview).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
        expect(preview.isWellFormed()).toBe(true);
      }),
    );
  });
});

describe('htmlToText', () => {
  it('gives text to read, with the addresses of links', () => {
    const html =
      '<style>p{}</style><title>t</title><h1>Hi &amp; bye</h1><p>a <a href="https://x.test/">link</a></p><script>x</script>';
    expect(htmlToText(html)).toBe('Hi & bye\n\na link <https://x.test/>');
    expect(htmlToWords(html)).toBe('Hi & bye\n\na link');
  });

  it('takes anything', () => {
    expect(htmlToText('<b>'.repeat(100_000))).toBe('');
    fc.assert(fc.property(fc.string(), (html) => void htmlToText(`<p>${html}`)));
  });
});

describe('describeMessage', () => {
  const at = new Date('2024-05-06T07:08:09Z');

  it('gives what the mirror keeps', async () => {
    const octets = Buffer.from(
      'From: a@b.c\r\nSubject: x\r\nContent-Type: text/html\r\n\r\n<p>Hi <a href="http://x.test">you</a>',
    );
    expect(await describeMessage(octets, at)).toMatchObject({
      data: {
        envelope: { subject: 'x', from: [{ address: 'a@b.c' }] },
        internalDate: at,
        sizeBytes: octets.length,
        root: { partNumber: '1', contentType: 'text/html' },
        preview: 'Hi you',
        parseWarnings: [],
      },
      headerFields: [{ name: 'From' }, { name: 'Subject' }, { name: 'Content-Type' }],
    });
  });

  it('uses the HTML where the plain text says nothing', async () => {
    const octets = Buffer.from(
      'Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\n \r\n--b\r\nContent-Type: text/html\r\n' +
        'Content-Transfer-Encoding: base64\r\n\r\nPHA+SGk8L3A+\r\n--b--\r\n',
    );
    expect((await describeMessage(octets, at)).data.preview).toBe('Hi');
  });

  it('describes any octets at all', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (octets) => {
        const { data } = await describeMessage(Buffer.from(octets), at);
        expect(JSON.stringify(data)).not.toMatch(/\\u0000|\\ud[89a-f]/);
      }),
    );
  });
});
