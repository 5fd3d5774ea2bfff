import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { isMailError } from '../mailbox/mailbox.errors.js';
import type { AccountId } from '../mailbox/model/ids.js';
import type { Account, Pop3Account } from './account.js';
import { parseAccountPatch, parseNewAccount } from './account-input.js';
import { newSettings, patchedSettings } from './account-settings.js';

const imap = { host: 'imap.example.org', security: 'TLS', username: 'anna', credentials: { password: 'pw' } } as const;
const pop3 = { ...imap, afterDownload: 'KEEP', deleteWhenExpunged: false, pollIntervalSeconds: 300 } as const;
const PORTS = { tls: 993, plain: 143 };

/** The path into the input that is complained about, or undefined. */
function fieldOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (isMailError(error) && error.code === 'INVALID_INPUT') return error.field?.join('.');
    throw error;
  }
}
const added = (input: object): string | undefined =>
  fieldOf(() => newSettings(parseNewAccount({ verify: true, ...input }), PORTS));

describe('parseNewAccount', () => {
  it.each<[string, object, string | undefined]>([
    ['imap', { imap }, undefined],
    ['pop3', { pop3 }, undefined],
    ['what GraphQL leaves null', { imap: { ...imap, port: null, mailboxes: null }, pop3: null, name: null }, undefined],
    ['neither protocol', {}, 'input'],
    ['both protocols', { imap, pop3 }, 'input'],
    ['no host', { imap: { ...imap, host: '' } }, 'input.imap.host'],
    ['a URL for a host', { imap: { ...imap, host: 'imaps://imap.example.org' } }, 'input.imap.host'],
    ['a host with a port', { imap: { ...imap, host: 'imap.example.org:993' } }, 'input.imap.host'],
    ['a host with a path', { imap: { ...imap, host: 'imap.example.org/x' } }, 'input.imap.host'],
    ['a host with a line break', { imap: { ...imap, host: 'a\r\nb' } }, 'input.imap.host'],
    ['port 0', { imap: { ...imap, port: 0 } }, 'input.imap.port'],
    ['port 65536', { pop3: { ...pop3, port: 65_536 } }, 'input.pop3.port'],
    ['a user name with CR LF', { imap: { ...imap, username: 'a\r\nA1 DELETE x' } }, 'input.imap.username'],
    ['a user name with NUL', { pop3: { ...pop3, username: 'a\0b' } }, 'input.pop3.username'],
    ['an empty user name', { imap: { ...imap, username: '' } }, 'input.imap.username'],
    ['a password with LF', { imap: { ...imap, credentials: { password: 'a\nb' } } }, 'input.imap.credentials.password'],
    ['no credentials', { imap: { ...imap, credentials: {} } }, 'input.imap.credentials'],
    [
      'both kinds of credentials',
      { imap: { ...imap, credentials: { password: 'a', oauth2: { accessToken: 'b' } } } },
      'input.imap.credentials',
    ],
    ['an OAuth2 without tokens', { imap: { ...imap, credentials: { oauth2: {} } } }, 'input.imap.credentials.oauth2'],
    [
      'a refresh token with nowhere to use it',
      { imap: { ...imap, credentials: { oauth2: { refreshToken: 'r' } } } },
      'input.imap.credentials.oauth2.tokenUrl',
    ],
    [
      'a token URL over http',
      { imap: { ...imap, credentials: { oauth2: { refreshToken: 'r', tokenUrl: 'http://t/' } } } },
      'input.imap.credentials.oauth2.tokenUrl',
    ],
    ['a mailbox with a line break', { imap: { ...imap, mailboxes: ['INBOX', 'a\nb'] } }, 'input.imap.mailboxes.1'],
    ['no mailbox at all', { imap: { ...imap, mailboxes: [] } }, 'input.imap.mailboxes'],
    ['days that are missing', { pop3: { ...pop3, afterDownload: 'DELETE_AFTER_DAYS' } }, 'input.pop3.deleteAfterDays'],
    ['days without need', { pop3: { ...pop3, deleteAfterDays: 3 } }, 'input.pop3.deleteAfterDays'],
    [
      'zero days',
      { pop3: { ...pop3, afterDownload: 'DELETE_AFTER_DAYS', deleteAfterDays: 0 } },
      'input.pop3.deleteAfterDays',
    ],
    ['no interval', { pop3: { ...pop3, pollIntervalSeconds: 0 } }, 'input.pop3.pollIntervalSeconds'],
    ['an address that is none', { imap, emailAddress: 'anna' }, 'input.emailAddress'],
    ['an address with a line break', { imap, emailAddress: 'a@b\r\nBcc: c@d' }, 'input.emailAddress'],
    ['an unknown field', { imap: { ...imap, tls: false } }, 'input.imap'],
  ])('%s', (_, input, field) => {
    expect(added(input)).toBe(field);
  });

  it('takes names as they are written and keeps them as they are dialled', () => {
    const hostOf = (host: string): string | undefined =>
      parseNewAccount({ imap: { ...imap, host }, verify: true }).imap?.host;
    expect(hostOf('IMAP.Example.ORG.')).toBe('imap.example.org');
    expect(hostOf('postfach.müller.example')).toBe('postfach.xn--mller-kva.example');
    expect(hostOf('[2001:db8::1]')).toBe('2001:db8::1');
  });

  it('chooses the port by security', () => {
    const portOf = (patch: object): number =>
      newSettings(parseNewAccount({ imap: { ...imap, ...patch }, verify: true }), PORTS).server.port;
    expect(portOf({})).toBe(993);
    expect(portOf({ security: 'STARTTLS' })).toBe(143);
    expect(portOf({ security: 'STARTTLS', port: 1143 })).toBe(1143);
  });

  describe.each(['\r', '\n', '\r\nDELE 1\r\n', '\0'])('case 21: %j', (breaker) => {
    const text = `a${breaker}b`;
    const oauth2 = { accessToken: 't', refreshToken: 'r', tokenUrl: 'https://t.example/', clientId: 'c' };
    it.each<[string, object, string]>([
      ['the host', { host: text }, 'host'],
      ['the user name', { username: text }, 'username'],
      ['the password', { credentials: { password: text } }, 'credentials.password'],
      ...['accessToken', 'refreshToken', 'tokenUrl', 'clientId', 'clientSecret', 'scope'].map(
        (name): [string, object, string] => [
          name,
          { credentials: { oauth2: { ...oauth2, [name]: text } } },
          `credentials.oauth2.${name}`,
        ],
      ),
    ])('is refused in %s', (_, patch, field) => {
      expect(added({ pop3: { ...pop3, ...patch } })).toBe(`input.pop3.${field}`);
      const change = { accountId: 'a', pop3: patch, verify: true };
      expect(fieldOf(() => parseAccountPatch(change as never))).toBe(`input.pop3.${field}`);
    });
  });

  it('lets no line break through, in whatever field, and never repeats a secret in its complaint', () => {
    const bad = fc.tuple(fc.string(), fc.constantFrom('\r', '\n', '\0'), fc.string()).map((parts) => parts.join(''));
    const place = fc.constantFrom('host', 'username', 'password', 'accessToken', 'mailboxes');
    fc.assert(
      fc.property(place, bad, (name, text) => {
        const input = {
          password: { credentials: { password: text } },
          accessToken: { credentials: { oauth2: { accessToken: text } } },
          mailboxes: { mailboxes: [text] },
          host: { host: `a${text}b` },
          username: { username: text },
        }[name];
        expect(added({ imap: { ...imap, ...input } })).toContain('input.imap');
      }),
    );
    const secret = 'hunter2\n';
    expect(() => parseNewAccount({ imap: { ...imap, credentials: { password: secret } }, verify: true })).toThrow(
      /^password must not contain line breaks$/,
    );
  });
});

describe('patchedSettings', () => {
  const account = {
    id: 'a' as AccountId,
    protocol: 'POP3',
    name: 'Home',
    server: { host: 'pop.example.org', port: 995, security: 'TLS', username: 'anna', authentication: 'PASSWORD' },
    policy: {
      afterDownload: 'DELETE_AFTER_DAYS',
      deleteAfterDays: 7,
      deleteWhenExpunged: true,
      pollIntervalSeconds: 300,
    },
  } as unknown as Pop3Account;
  const patch = (input: object, on: Account = account): unknown =>
    patchedSettings(on, parseAccountPatch({ accountId: on.id, verify: true, ...input }));

  it('changes nothing where nothing is given', () => {
    const { id: _, ...settings } = account;
    expect(patch({})).toEqual(settings);
    expect(patch({ pop3: { host: null, afterDownload: null } })).toEqual(settings);
  });

  it('drops the days together with the policy that needs them', () => {
    expect(patch({ pop3: { afterDownload: 'KEEP' } })).toMatchObject({
      policy: { afterDownload: 'KEEP', deleteAfterDays: undefined },
    });
    expect(fieldOf(() => patch({ pop3: { deleteAfterDays: null } }))).toBe('input.pop3.deleteAfterDays');
  });

  it('follows the kind of credentials', () => {
    const credentials = { oauth2: { accessToken: 't' } };
    expect(patch({ pop3: { credentials } })).toMatchObject({ server: { authentication: 'OAUTH2' } });
  });

  it('refuses settings of the other protocol', () => {
    expect(fieldOf(() => patch({ imap: { mailboxes: ['INBOX'] } }))).toBe('input.imap');
  });
});
