import { afterEach, describe, expect, it } from '@jest/globals';
import { connectionTo, multiline, signInAnn } from '../../test/servers/pop3-script.js';
import { ScriptedServer, type Script, type ScriptedPeer } from '../../test/servers/scripted-server.js';
import { createTlsFixtures, type ServerCertificate } from '../../test/servers/tls-fixtures.js';
import type { AccountConnection, ConnectionStep } from '../mailbox/connection.port.js';
import type { ConnectOptions } from './connect.js';
import { Pop3Client } from './pop3.client.js';
import { verifyPop3 } from './pop3.verify.js';

const { caPem, wrongName, ...certificate } = createTlsFixtures();
const signal = new AbortController().signal;

let server: ScriptedServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

type Overrides = Parameters<typeof connectionTo>[1];

async function connect(
  script: Script,
  overrides: Overrides = {},
  { tls, ...options }: Partial<ConnectOptions> & { tls?: ServerCertificate } = {},
): Promise<Pop3Client> {
  server = await ScriptedServer.start(script, { tls });
  return Pop3Client.connect(connectionTo(server, overrides), { signal, ...options });
}

/** Nothing that could be a credential was sent. */
function expectNoCredentials(): void {
  expect(server?.received.filter((line) => /^(USER|PASS|AUTH|APOP)/.test(line))).toEqual([]);
}

const failing = (failure: string, code: string, more = {}): unknown =>
  expect.objectContaining({ failure, code, ...more });
const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** Greeting and CAPA, up to the sign-in. */
async function greet(peer: ScriptedPeer, sasl = ''): Promise<void> {
  await peer.send('+OK ready\r\n');
  await peer.answer('CAPA', multiline(`USER\r\n${sasl && `SASL ${sasl}\r\n`}`));
}

const capaAgain = (peer: ScriptedPeer): Promise<void> => peer.answer('CAPA', multiline('UIDL\r\n'));

describe('signing in', () => {
  it('by USER and PASS where nothing else is listed, with what CAPA says afterwards', async () => {
    const client = await connect(async (peer) => {
      await greet(peer);
      await peer.answer('USER ann', '+OK\r\n');
      await peer.answer('PASS secret', '+OK\r\n');
      await capaAgain(peer);
    });
    expect(client.capabilities?.lines).toEqual(['UIDL']);
  });

  it('by AUTH PLAIN in one step', async () => {
    await connect(async (peer) => {
      await greet(peer, 'LOGIN PLAIN');
      await peer.answer(`AUTH PLAIN ${base64('\0ann\0secret')}`, '+OK\r\n');
      await capaAgain(peer);
    });
    expect.assertions(0);
  });

  it('by AUTH PLAIN in two steps when the line would be too long', async () => {
    const password = 'p'.repeat(300);
    await connect(
      async (peer) => {
        await greet(peer, 'PLAIN');
        await peer.answer('AUTH PLAIN', '+ \r\n');
        await peer.answer(base64(`\0ann\0${password}`), '+OK\r\n');
        await capaAgain(peer);
      },
      { login: { kind: 'password', password } },
    );
    expect.assertions(0);
  });

  it('by AUTH LOGIN only where neither USER nor PLAIN is listed', async () => {
    await connect(async (peer) => {
      await peer.send('+OK\r\n');
      await peer.answer('CAPA', multiline('SASL LOGIN\r\n'));
      await peer.answer('AUTH LOGIN', `+ ${base64('Username:')}\r\n`);
      await peer.answer(base64('ann'), `+ ${base64('Password:')}\r\n`);
      await peer.answer(base64('secret'), '+OK\r\n');
      await capaAgain(peer);
    });
    expect.assertions(0);
  });

  const OAUTH = { login: { kind: 'oauth2', accessToken: 'token' } } as const;
  const XOAUTH2 = base64('user=ann\x01auth=Bearer token\x01\x01');

  it('by XOAUTH2 in two steps, always', async () => {
    await connect(async (peer) => {
      await greet(peer, 'PLAIN OAUTHBEARER XOAUTH2');
      await peer.answer('AUTH XOAUTH2', '+ \r\n');
      await peer.answer(XOAUTH2, '+OK\r\n');
      await capaAgain(peer);
    }, OAUTH);
    expect.assertions(0);
  });

  it('by XOAUTH2: answers the error challenge with an empty line and reads the -ERR', async () => {
    const refused = connect(async (peer) => {
      await greet(peer, 'XOAUTH2');
      await peer.answer('AUTH XOAUTH2', '+ \r\n');
      await peer.answer(XOAUTH2, `+ ${base64('{"status":"400"}')}\r\n`);
      await peer.answer('', '-ERR [AUTH] expired\r\n');
    }, OAUTH);
    await expect(refused).rejects.toEqual(failing('rejected', 'AUTHENTICATION_FAILED', { responseCode: 'AUTH' }));
  });

  describe('case 19: a token that is refused', () => {
    const bearer = (token: string): string => base64(`user=ann\x01auth=Bearer ${token}\x01\x01`);
    /** Answers sign-ins until one comes with `good`. */
    const takes =
      (good: string): Script =>
      async (peer) => {
        await greet(peer, 'XOAUTH2');
        for (let line = await peer.nextLine(); line === 'AUTH XOAUTH2'; line = await peer.nextLine()) {
          await peer.send('+ \r\n');
          const ok = (await peer.nextLine()) === bearer(good);
          await peer.send(ok ? '+OK\r\n' : '-ERR [AUTH] expired\r\n');
          if (ok) return capaAgain(peer);
        }
      };
    const supply = (...tokens: string[]): { secret: AccountConnection['secret']; asked: unknown[] } => {
      const asked: unknown[] = [];
      const secret: AccountConnection['secret'] = async (_, refused) => {
        asked.push(refused);
        return { kind: 'oauth2', accessToken: tokens[Math.min(asked.length, tokens.length) - 1]! };
      };
      return { secret, asked };
    };

    it('is renewed once', async () => {
      const { secret, asked } = supply('old', 'new');
      await connect(takes('new'), { secret });
      expect(asked).toEqual([undefined, { kind: 'oauth2', accessToken: 'old' }]);
    });

    it.each([
      ['the same', ['old'], 1],
      ['refused too', ['old', 'new', 'newer'], 2],
    ])('is the end where the next one is %s', async (_, tokens, attempts) => {
      const { secret } = supply(...tokens);
      await expect(connect(takes('never'), { secret })).rejects.toEqual(failing('rejected', 'AUTHENTICATION_FAILED'));
      await server?.peer().clientClosed();
      expect(server?.received.filter((line) => line === 'AUTH XOAUTH2')).toHaveLength(attempts);
    });
  });

  it('by OAUTHBEARER: one %x01 after the error challenge', async () => {
    const refused = connect(
      async (peer) => {
        await greet(peer, 'OAUTHBEARER');
        const initial = `n,a=a=2C=3Db,\x01host=localhost\x01port=${server?.port}\x01auth=Bearer token\x01\x01`;
        await peer.answer(`AUTH OAUTHBEARER ${base64(initial)}`, `+ ${base64('{}')}\r\n`);
        await peer.answer('AQ==', '-ERR\r\n');
      },
      { ...OAUTH, username: 'a,=b' },
    );
    await expect(refused).rejects.toEqual(failing('rejected', 'AUTHENTICATION_FAILED'));
  });

  it('says so when the server has no sign-in by OAuth', async () => {
    await expect(connect((peer) => greet(peer, 'PLAIN'), OAUTH)).rejects.toEqual(failing('unsupported', 'UNSUPPORTED'));
    expectNoCredentials();
  });

  it('gives up on challenges without end', async () => {
    const endless = connect(async (peer) => {
      await greet(peer, 'PLAIN');
      while ((await peer.nextLine()) !== undefined) await peer.send('+ \r\n');
    });
    await expect(endless).rejects.toEqual(failing('protocol', 'CONNECTION_FAILED'));
    expect(server?.received.filter((line) => line === '*').length).toBeGreaterThan(0);
  });

  it('enters UTF-8 mode before the sign-in when asked to', async () => {
    await connect(
      async (peer) => {
        await peer.send('+OK\r\n');
        await peer.answer('CAPA', multiline('USER\r\nUTF8\r\n'));
        await peer.answer('UTF8', '+OK\r\n');
        await peer.answer('USER ann', '+OK\r\n');
        await peer.answer('PASS secret', '+OK\r\n');
        await capaAgain(peer);
      },
      {},
      { utf8: true },
    );
    expect.assertions(0);
  });

  it.each([
    ['-ERR [IN-USE] locked', 'MAILDROP_LOCKED', true],
    ['-ERR [LOGIN-DELAY] wait', 'RATE_LIMITED', true],
    ['-ERR [SYS/TEMP] later', 'SERVER_REJECTED', true],
    ['-ERR [SYS/PERM] broken', 'SERVER_REJECTED', false],
    ['-ERR [AUTH] wrong', 'AUTHENTICATION_FAILED', false],
    ['-ERR wrong', 'AUTHENTICATION_FAILED', false],
  ])('case 19: %s at PASS, and the password is sent once', async (reply, code, retryable) => {
    const refused = connect(async (peer) => {
      await greet(peer);
      await peer.answer('USER ann', '+OK\r\n');
      await peer.answer('PASS secret', `${reply}\r\n`);
      await peer.clientClosed();
    });
    await expect(refused).rejects.toEqual(failing('rejected', code, { retryable }));
    await server?.peer().clientClosed();
    expect(server?.received.filter((line) => line.startsWith('PASS'))).toHaveLength(1);
  });

  it('case 19: a greeting that refuses', async () => {
    await expect(connect((peer) => peer.send('-ERR [SYS/TEMP] too busy\r\n'))).rejects.toEqual(
      failing('rejected', 'SERVER_REJECTED', { retryable: true, serverText: '[SYS/TEMP] too busy' }),
    );
    expect(server?.received).toEqual([]);
  });

  const breakers = ['\r', '\n', '\r\nDELE 1\r\n', '\0'].flatMap((breaker): [string, Overrides][] => {
    const text = `a${breaker}b`;
    return [
      ['username', { username: text }],
      ['username', { username: text, ...OAUTH }],
      ['password', { login: { kind: 'password', password: text } }],
      ['accessToken', { login: { kind: 'oauth2', accessToken: text } }],
    ];
  });
  it.each(
    [
      ...breakers,
      ['username', { login: { kind: 'oauth2', accessToken: 'x\x01' } }] satisfies [string, Overrides],
    ].flatMap(([field, overrides]) =>
      ['', 'PLAIN XOAUTH2', 'LOGIN OAUTHBEARER'].map((sasl): [string, string, Overrides] => [field, sasl, overrides]),
    ),
  )('case 21: refuses a %s that would break the line, before it is sent (SASL %s)', async (field, sasl, overrides) => {
    await expect(connect((peer) => greet(peer, sasl), overrides)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      field: [field],
    });
    await server?.peer().clientClosed();
    expect(server?.received).toEqual(['CAPA']);
  });

  it('case 21: sends a password that is not ASCII as UTF-8', async () => {
    await connect(
      async (peer) => {
        await greet(peer);
        await peer.answer('USER ann', '+OK\r\n');
        await peer.answer(`PASS ${Buffer.from('pä€').toString('latin1')}`, '+OK\r\n');
        await capaAgain(peer);
      },
      { login: { kind: 'password', password: 'pä€' } },
    );
    expect.assertions(0);
  });

  it('never repeats a secret that the server repeats', async () => {
    const refused = connect(async (peer) => {
      await greet(peer);
      await peer.answer('USER ann', '+OK\r\n');
      await peer.answer('PASS secret', '-ERR no "secret" for ann here\r\n');
    });
    await expect(refused).rejects.toMatchObject({ serverText: 'no "***" for *** here' });
  });
});

describe('securing', () => {
  const TLS = { security: 'TLS', extraCa: caPem } as const;
  const STLS = { security: 'STARTTLS', extraCa: caPem } as const;

  async function stls(peer: ScriptedPeer, secured: (peer: ScriptedPeer) => Promise<void>): Promise<void> {
    await peer.send('+OK ready\r\n');
    await peer.answer('STLS', '+OK go\r\n');
    await peer.startTls(certificate);
    await secured(peer);
  }

  const signInWithoutGreeting = async (peer: ScriptedPeer): Promise<void> => {
    await peer.answer('CAPA', multiline('USER\r\n'));
    await peer.answer('USER ann', '+OK\r\n');
    await peer.answer('PASS secret', '+OK\r\n');
    await capaAgain(peer);
  };

  it('by TLS from the first byte, and tells every step', async () => {
    const steps: ConnectionStep[] = [];
    server = await ScriptedServer.start(
      async (peer) => {
        await signInAnn(peer);
        await peer.answer('STAT', '+OK 3 99\r\n');
        await peer.answer('UIDL', '-ERR what?\r\n');
        await peer.answer('QUIT', '+OK\r\n');
      },
      { tls: certificate },
    );
    const result = await verifyPop3(connectionTo(server, TLS), (step) => steps.push(step), signal);
    expect(result).toEqual({ serverCapabilities: ['USER'], maildropMessages: 3, hasUidl: false });
    expect(steps.map(({ name, ok, detail }) => [name, ok, detail])).toEqual([
      ['RESOLVE', true, '127.0.0.1'],
      ['CONNECT', true, undefined],
      ['TLS', true, 'TLSv1.3, certificate of localhost'],
      ['GREETING', true, 'ready'],
      ['SIGN_IN', true, ''],
      ['LIST', true, '3 messages, no UIDL'],
    ]);
  });

  it('by STLS before anything else is said', async () => {
    const client = await connect((peer) => stls(peer, signInWithoutGreeting), STLS);
    expect(server?.received[0]).toBe('STLS');
    expect(client.capabilities?.uidl).toBe(true);
  });

  it('tells the step that failed', async () => {
    const steps: ConnectionStep[] = [];
    const refused = connect((peer) => peer.send('+OK\r\n').then(() => peer.answer('STLS', '-ERR no\r\n')), STLS, {
      onStep: (step) => steps.push(step),
    });
    await expect(refused).rejects.toEqual(failing('tls', 'TLS_FAILED'));
    expect(steps.at(-1)).toMatchObject({ name: 'STARTTLS', ok: false, detail: 'no' });
  });

  it('case 22: a list of capabilities without end', async () => {
    const endless = connect(async (peer) => {
      await peer.send('+OK\r\n');
      await peer.answer('CAPA', '+OK\r\n');
      while (!peer.closed) await peer.send('X-MORE\r\n'.repeat(100));
    });
    await expect(endless).rejects.toEqual(failing('limit', 'TOO_LARGE'));
    expectNoCredentials();
  });

  it('case 20: STLS refused ends the session before the credentials', async () => {
    await expect(
      connect(async (peer) => {
        await peer.send('+OK\r\n');
        await peer.answer('STLS', '-ERR unknown command\r\n');
      }, STLS),
    ).rejects.toEqual(failing('tls', 'TLS_FAILED', { retryable: false }));
    await server?.peer().clientClosed();
    expect(server?.received).toEqual(['STLS']);
  });

  it('case 20: plain text after the +OK to STLS, in the same segment, ends the session', async () => {
    await expect(
      connect(async (peer) => {
        await peer.send('+OK\r\n');
        await peer.answer('STLS', '+OK\r\n+OK injected\r\n');
        await peer.clientClosed();
      }, STLS),
    ).rejects.toEqual(failing('protocol', 'CONNECTION_FAILED'));
    expectNoCredentials();
  });

  it('case 20: plain text after the +OK to STLS, in a later segment, never passes for TLS', async () => {
    await expect(
      connect(async (peer) => {
        await peer.send('+OK\r\n');
        await peer.expect('STLS');
        await peer.send('+OK\r\n', '+OK injected\r\n');
        await peer.clientClosed();
      }, STLS),
    ).rejects.toMatchObject({ failure: expect.stringMatching(/^(tls|protocol)$/) });
    expectNoCredentials();
  });

  it('case 20: what was injected before the handshake is no reply inside it', async () => {
    const connecting = connect(async (peer) => {
      await peer.send('+OK\r\n');
      await peer.answer('STLS', '+OK\r\n+OK\r\nUSER\r\n.\r\n');
      await peer.startTls(certificate);
    }, STLS);
    await expect(connecting).rejects.toMatchObject({ failure: 'protocol' });
    expectNoCredentials();
  });

  it.each([
    ['of an authority nobody trusts', certificate, { security: 'TLS' }],
    ['for another name', wrongName, TLS],
    ['for a name, where an address was asked for', wrongName, { ...TLS, host: '127.0.0.1' }],
  ] satisfies [string, ServerCertificate, Overrides][])('case 20: a certificate %s', async (_what, tls, overrides) => {
    await expect(connect((peer) => peer.clientClosed(), overrides, { tls })).rejects.toEqual(
      failing('tls', 'TLS_FAILED', { cure: 'report' }),
    );
    expectNoCredentials();
  });

  it('takes a certificate for an address', async () => {
    const client = await connect((peer) => signInAnn(peer), { ...TLS, host: '127.0.0.1' }, { tls: certificate });
    expect(client.failure).toBeUndefined();
  });

  it('says so when the server does not speak TLS', async () => {
    const script: Script = async (peer) => {
      await peer.send('+OK plain text here\r\n');
      await peer.clientClosed();
    };
    await expect(connect(script, TLS)).rejects.toEqual(failing('tls', 'TLS_FAILED', { retryable: true }));
  });

  it('gives a handshake that never comes its time only', async () => {
    const silent = connect((peer) => peer.clientClosed(), TLS, { timeouts: { tlsMs: 100 } });
    await expect(silent).rejects.toEqual(failing('timeout', 'TIMEOUT'));
  });
});

describe('dialling', () => {
  it('gives a greeting that never comes its time only', async () => {
    const silent = connect((peer) => peer.clientClosed(), {}, { timeouts: { greetingMs: 100 } });
    await expect(silent).rejects.toEqual(failing('timeout', 'TIMEOUT'));
  });

  it('goes on to the next address', async () => {
    server = await ScriptedServer.start((peer) => signInAnn(peer));
    const { port } = server;
    // Nothing listens on this one.
    const addresses = ['127.0.0.2', '127.0.0.1'];
    const resolve: AccountConnection['resolve'] = () => Promise.resolve({ host: 'localhost', port, addresses });
    const client = await Pop3Client.connect(connectionTo(server, { resolve }), { signal });
    expect(client.failure).toBeUndefined();
  });

  it('says so when nobody listens', async () => {
    const closed = await ScriptedServer.start(() => Promise.resolve());
    const { port } = closed;
    await closed.close();
    await expect(Pop3Client.connect(connectionTo({ port }), { signal })).rejects.toEqual(
      failing('unreachable', 'CONNECTION_FAILED', { retryable: true }),
    );
  });

  it('can be aborted at every stage', async () => {
    for (const stage of ['greeting', 'tls'] as const) {
      const abort = new AbortController();
      const connecting = connect(
        async (peer) => {
          abort.abort();
          await peer.clientClosed();
        },
        stage === 'tls' ? { security: 'TLS' } : {},
        { signal: abort.signal },
      );
      await expect(connecting).rejects.toEqual(failing('aborted', 'CONNECTION_FAILED'));
      await server?.close();
    }
    await expect(Pop3Client.connect(connectionTo({ port: 1 }), { signal: AbortSignal.abort() })).rejects.toEqual(
      failing('aborted', 'CONNECTION_FAILED'),
    );
    server = undefined;
  });
});
