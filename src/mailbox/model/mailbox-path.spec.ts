import { describe, expect, it } from '@jest/globals';
import { childPath, isAtOrBelow, mailboxName, namespacePrefix, parentPath } from './mailbox-path.js';

describe('mailbox paths', () => {
  it.each([
    ['a/b/c', '/', 'a/b', 'c'],
    ['INBOX', '/', undefined, 'INBOX'],
    ['a.b', '/', undefined, 'a.b'],
    ['a/b', undefined, undefined, 'a/b'],
    ['/odd', '/', undefined, 'odd'],
    ['a / b', ' / ', 'a', 'b'],
  ])('%s with delimiter %s is below %s and called %s', (path, delimiter, parent, name) => {
    expect(parentPath(path, delimiter)).toBe(parent);
    expect(mailboxName({ path, delimiter })).toBe(name);
  });

  it('puts a child below its parent, and knows what is below what', () => {
    expect(childPath('a', '/', 'b')).toBe('a/b');
    expect(childPath(undefined, '/', 'b')).toBe('b');
    expect(isAtOrBelow('a/b', 'a', '/')).toBe(true);
    expect(isAtOrBelow('ab', 'a', '/')).toBe(false);
  });

  it.each([
    [['INBOX', 'INBOX.Sent', 'INBOX.a.b'], '.', 'INBOX.'],
    [['INBOX', 'Sent', 'INBOX.a'], '.', ''],
    [['INBOX'], '.', ''],
    [[], undefined, ''],
  ])('of %j stand below the prefix', (paths, delimiter, prefix) => {
    expect(namespacePrefix(paths.map((path) => ({ path, delimiter })))).toBe(prefix);
  });
});
