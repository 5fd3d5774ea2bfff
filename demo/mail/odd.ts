import { base64In, encodedWord, raw, SEEN, type SampleMessage } from './compose.js';

/** Subject and text in a charset from before UTF-8, declared as it should be. */
function inCharset(name: string, charset: string, from: string, subject: string, text: string): SampleMessage {
  return raw({
    hoursAgo: 40 + name.length * 7,
    flags: [SEEN],
    headers: [
      `From: ${encodedWord(from, charset)} <${name}@harbour.example>`,
      'To: Iris Vermeer <iris@demo.example>',
      `Subject: ${encodedWord(subject, charset)}`,
      `Message-ID: <${name}.1@harbour.example>`,
      'MIME-Version: 1.0',
      `Content-Type: text/plain; charset=${charset}`,
      'Content-Transfer-Encoding: base64',
    ],
    body: base64In(text, charset),
  });
}

export function charsets(): SampleMessage[] {
  return [
    inCharset(
      'polish',
      'iso-8859-2',
      'Łukasz Żak',
      'Zażółć gęślą jaźń',
      'Dzień dobry,\r\n\r\nprzesyłam zdjęcia z Łodzi.\r\n',
    ),
    inCharset('russian', 'koi8-r', 'Анна Ежова', 'Привет из Твери', 'Добрый день!\r\n\r\nПоезд приходит в шесть.\r\n'),
    inCharset('japanese', 'shift_jis', '佐藤花', '会議のお知らせ', '木曜日の午後三時に集まりましょう。\r\n'),
    inCharset('chinese', 'gb18030', '李明', '茶叶到了', '新茶已经到了，周末一起喝吧。\r\n'),
    inCharset('hebrew', 'windows-1255', 'נועה', 'שלום מחיפה', 'שלום, נתראה ביום שני.\r\n'),
    inCharset('greek', 'iso-8859-7', 'Ελένη', 'Καλημέρα', 'Το πλοίο φεύγει στις οκτώ.\r\n'),
  ];
}

/** Octets above 127 in the header, nothing said about the charset: windows-1252 in fact. */
export function undeclaredCharset(): SampleMessage {
  return raw({
    hoursAgo: 60,
    charset: 'windows-1252',
    headers: [
      'From: Büro Süd <buero@orchard.example>',
      'To: iris@demo.example',
      'Subject: Prüfung – 20 € Gebühr',
      'Message-ID: <raw8.1@orchard.example>',
    ],
    body: 'Bitte überweisen Sie 20 €.\n\nMit freundlichen Grüßen',
  });
}

/** UTF-8 straight in the header (RFC 6532), and text of format=flowed (RFC 3676). */
export function utf8Header(): SampleMessage {
  return raw({
    hoursAgo: 14,
    charset: 'utf-8',
    headers: [
      'From: Zoë Åkesson <zoe@orchard.example>',
      'To: Iris Vermeer <iris@demo.example>',
      'Subject: Äpfel, Birnen und 🍐',
      'Message-ID: <utf8.1@orchard.example>',
      'MIME-Version: 1.0',
      'Content-Type: text/plain; charset=utf-8; format=flowed',
      'Content-Transfer-Encoding: 8bit',
    ],
    body: 'This line goes on \nand on \nuntil it ends here.\n> and this was said before\n\n-- \nZoë',
  });
}

/** No subject, no Message-ID, no MIME at all. */
export function bare(): SampleMessage {
  return raw({
    hoursAgo: 33,
    headers: ['From: scanner@demo.example', 'To: iris@demo.example'],
    body: 'Scan 0031 is in the tray.',
  });
}

/** A multipart that was cut: its last boundary never comes. */
export function cutOff(): SampleMessage {
  return raw({
    hoursAgo: 88,
    flags: [SEEN],
    headers: [
      'From: Old Program <old@orchard.example>',
      'To: iris@demo.example',
      'Subject: cut off in the middle',
      'Message-ID: <cut.1@orchard.example>',
      'MIME-Version: 1.0',
      'Content-Type: multipart/mixed; boundary="x"',
    ],
    body: '--x\nContent-Type: text/plain\n\nThis part is whole.\n--x\nContent-Type: application/octet-stream; name="half.bin"\nContent-Transfer-Encoding: base64\n\nAAECAwQFBgcICQoLDA0ODw',
  });
}
