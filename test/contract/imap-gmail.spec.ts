import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ServerKeeper } from '../../src/mailbox/keeper.port.js';
import { ScriptedServer, type ScriptedPeer } from '../servers/scripted-server.js';
import { mailbox, MemoryMirror, openKeeper, plainConnectionTo, signal } from './imap-account.js';

const capabilities = 'IMAP4rev1 IDLE NAMESPACE QUOTA XLIST CHILDREN X-GM-EXT-1 UIDPLUS MOVE SPECIAL-USE';

const listing = [
  '* LIST (\\HasNoChildren) "/" "INBOX"',
  '* LIST (\\HasNoChildren) "/" "Work"',
  '* LIST (\\HasChildren \\Noselect) "/" "[Gmail]"',
  '* LIST (\\All \\HasNoChildren) "/" "[Gmail]/All Mail"',
  '* LIST (\\HasNoChildren \\Important) "/" "[Gmail]/Important"',
  '* LIST (\\HasNoChildren \\Trash) "/" "[Gmail]/Trash"',
];

/** Speaks as imap.gmail.com does; one message, whose labels may be changed. */
class Gmail {
  labels = ['"\\\\Important"', '"\\\\Inbox"', 'Work', '"Two words"', '"Entw&APw-rfe"'];

  readonly play = async (peer: ScriptedPeer): Promise<void> => {
    await peer.send(`* PREAUTH [CAPABILITY ${capabilities}] Gimap ready\r\n`);
    for (let line = await peer.nextLine(); line !== undefined; line = await peer.nextLine()) {
      const [tag = '', ...rest] = line.split(' ');
      await peer.send(`${this.answer(rest.join(' '))}${tag} OK Success\r\n`);
    }
  };

  private answer(command: string): string {
    const lines = (...all: string[]): string => all.map((one) => `${one}\r\n`).join('');
    if (command.startsWith('CAPABILITY')) return lines(`* CAPABILITY ${capabilities}`);
    if (command.startsWith('LIST')) return lines(...listing);
    if (command.startsWith('SELECT')) {
      return lines(
        '* FLAGS (\\Seen \\Flagged)',
        '* OK [PERMANENTFLAGS (\\Seen \\Flagged \\*)] ok',
        '* 1 EXISTS',
        '* OK [UIDVALIDITY 7] ok',
        '* OK [UIDNEXT 5] ok',
      );
    }
    if (command.includes('SEARCH')) return lines('* SEARCH 4');
    if (!command.includes('FETCH')) return '';
    const gmail = `X-GM-MSGID 1278455344230334865 X-GM-THRID 1266894439832287888 X-GM-LABELS (${this.labels.join(' ')})`;
    const rest =
      `INTERNALDATE "23-Nov-2026 10:00:00 +0000" RFC822.SIZE 100 ENVELOPE (NIL "Hi" NIL NIL NIL NIL NIL NIL NIL "<a@x>")
      BODYSTRUCTURE ("TEXT" "PLAIN" NIL NIL NIL "7BIT" 5 1 NIL NIL NIL)`.replace(/\s+/g, ' ');
    return lines(
      `* 1 FETCH (UID 4 ${gmail} FLAGS (\\Seen) ${command.includes('ENVELOPE') ? rest : ''})`.replace(' )', ')'),
    );
  }
}

describe('Gmail', () => {
  let gmail: Gmail;
  let server: ScriptedServer;
  let keeper: ServerKeeper;
  let mirror: MemoryMirror;
  beforeEach(async () => {
    gmail = new Gmail();
    server = await ScriptedServer.start(gmail.play);
    keeper = openKeeper(plainConnectionTo(server));
    mirror = new MemoryMirror(keeper);
    await mirror.sync();
  });
  afterEach(async () => {
    await keeper.close();
    await server.close();
  });

  it('shows labels as keywords and names a message the same under each of them', () => {
    const { flags, emailId } = mirror.message('Hi');
    expect(emailId).toBe('1278455344230334865');
    expect(flags).toMatchObject({ seen: true, keywords: ['$Important', 'Entwürfe', 'Two words', 'Work'] });
  });

  it('says which conversation a message belongs to', () => {
    expect(mirror.data('Hi').serverThreadId).toBe('1266894439832287888');
  });

  it('follows labels that are changed elsewhere', async () => {
    gmail.labels = ['"\\\\Inbox"', 'Home'];
    await mirror.sync();
    expect(mirror.message('Hi').flags.keywords).toEqual(['Home']);
  });

  it('sets and removes labels as keywords', async () => {
    const change = { flagged: true, addKeywords: ['Home', '$Forwarded'], removeKeywords: ['Work', '$Important'] };
    gmail.labels = ['Home'];
    const [outcome] = await keeper.setFlags(mailbox('INBOX'), [mirror.message('Hi')], change, signal());
    expect(outcome).toMatchObject({ ok: true, value: { flags: { keywords: ['Home'] } } });
    const stores = server.received.filter((line) => line.includes('STORE')).map((line) => line.replace(/^\S+ /, ''));
    expect(stores).toEqual([
      'UID STORE 4 +FLAGS.SILENT (\\Flagged $Forwarded)',
      'UID STORE 4 -FLAGS.SILENT (Work $Important)',
      'UID STORE 4 +X-GM-LABELS (Home)',
      'UID STORE 4 -X-GM-LABELS (Work \\Important)',
    ]);
  });

  it('IMAP case 13: lists its mailboxes by their uses, and the container that holds no messages', async () => {
    const listed = await keeper.listMailboxes(signal());
    expect(
      Object.fromEntries(listed.map(({ path, specialUse, selectable }) => [path, selectable && specialUse])),
    ).toEqual({
      INBOX: 'INBOX',
      Work: undefined,
      '[Gmail]': false,
      '[Gmail]/All Mail': 'ALL',
      '[Gmail]/Important': 'IMPORTANT',
      '[Gmail]/Trash': 'TRASH',
    });
  });
});
