import { describe, expect, it } from '@jest/globals';
import { headerIdentity } from './header-identity.js';

const of = (...lines: string[]): string | undefined => headerIdentity(Buffer.from(lines.join('\r\n')));

describe('the identity of a header', () => {
  it('is the same with and without the body, and whatever flags the server keeps in it', () => {
    const whole = of('Message-ID: <a@b>', 'Subject: x', '', 'body');
    expect(of('Message-ID: <a@b>', 'Subject: x', '', '')).toBe(whole);
    expect(of('Status: RO', 'X-UIDL: 77', 'Message-ID: <a@b>', 'X-Status: A', 'Subject: x', '', '')).toBe(whole);
    expect(headerIdentity(Buffer.from('Message-ID: <a@b>\nSubject: x\n\n'))).toBe(whole);
  });

  it('differs where a field does', () => {
    const one = of('Message-ID: <a@b>', 'Subject: x', '', '');
    expect(of('Message-ID: <a@b>', 'Subject: y', '', '')).not.toBe(one);
    expect(of('Message-ID: <a@b>', '', 'Subject: x')).not.toBe(one);
    expect(of('Received: by z', 'Message-ID: <a@b>', 'Subject: x', '', '')).not.toBe(one);
  });

  it.each([[['Subject: x', '', 'body']], [['', 'Message-ID: <a@b>']], [['']]])(
    'is none where many messages could have it: %j',
    (lines) => {
      expect(of(...lines)).toBeUndefined();
    },
  );
});
