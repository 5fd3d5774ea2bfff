import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ImapAdapter } from '../../src/imap/imap.adapter.js';
import type { AccountConnection, ConnectionStep } from '../../src/mailbox/connection.port.js';
import { MailError } from '../../src/mailbox/mailbox.errors.js';
import { startDovecot, type Dovecot } from '../servers/dovecot.js';
import { ScriptedServer } from '../servers/scripted-server.js';
import { connectionTo, mailbox, openKeeper, plainConnectionTo, signal } from './imap-account.js';

const adapter = new ImapAdapter();

async function verify(connection: AccountConnection): Promise<{ steps: ConnectionStep[]; error?: unknown }> {
  const steps: ConnectionStep[] = [];
  try {
    await adapter.verify(connection, (step) => steps.push(step), signal());
    return { steps };
  } catch (error) {
    return { steps, error };
  }
}

const outcome = (steps: readonly ConnectionStep[]): string[] =>
  steps.map(({ name, ok }) => `${name} ${ok ? 'ok' : 'failed'}`);

describe('signing in to an IMAP server', () => {
  let dovecot: Dovecot;
  beforeAll(async () => {
    dovecot = await startDovecot({ users: { ann: 'secret' } });
  }, 30_000);
  afterAll(() => dovecot.stop());

  it('tells every step with TLS', async () => {
    const { steps } = await verify(connectionTo(dovecot, 'ann'));
    expect(outcome(steps)).toEqual(['RESOLVE ok', 'CONNECT ok', 'TLS ok', 'GREETING ok', 'SIGN_IN ok', 'LIST ok']);
    expect(steps[2]!.detail).toMatch(/^TLSv1\.[23], /);
    expect(steps[3]!.detail).toMatch(/^\* OK /);
    expect(JSON.stringify(steps)).not.toContain('secret');
  });

  it('tells every step with STARTTLS', async () => {
    const { steps } = await verify(connectionTo(dovecot, 'ann', { security: 'STARTTLS' }));
    const wanted = ['RESOLVE ok', 'CONNECT ok', 'GREETING ok', 'STARTTLS ok', 'TLS ok', 'SIGN_IN ok', 'LIST ok'];
    expect(outcome(steps)).toEqual(wanted);
  });

  it('signs in without TLS where that is asked for', async () => {
    const { steps } = await verify(connectionTo(dovecot, 'ann', { security: 'NONE' }));
    expect(outcome(steps)).toEqual(['RESOLVE ok', 'CONNECT ok', 'GREETING ok', 'SIGN_IN ok', 'LIST ok']);
  });

  it('lists capabilities and mailboxes', async () => {
    const result = await adapter.verify(connectionTo(dovecot, 'ann'), () => undefined, signal());
    expect(result.serverCapabilities).toEqual(expect.arrayContaining(['IDLE', 'CONDSTORE', 'UIDPLUS']));
    expect(result.mailboxes).toEqual(expect.arrayContaining(['INBOX', 'Sent']));
  });

  const wrongSecret = () => Promise.resolve({ kind: 'password' as const, password: 'wrong' });

  it('knows a wrong password', async () => {
    const { steps, error } = await verify(connectionTo(dovecot, 'ann', { secret: wrongSecret }));
    expect(error).toMatchObject({ code: 'AUTHENTICATION_FAILED', retryable: false });
    expect(steps.at(-1)).toMatchObject({ name: 'SIGN_IN', ok: false });
  });

  it('IMAP case 24: does not offer a refused password again, and a new one at once', async () => {
    let password = 'wrong';
    const secret = () => Promise.resolve({ kind: 'password' as const, password });
    const connection = connectionTo(dovecot, 'ann', { secret });
    let dialled = 0;
    const resolve = (abort: AbortSignal) => ((dialled += 1), connection.resolve(abort));
    const keeper = openKeeper({ ...connection, resolve });
    const ignore = (): void => undefined;
    await expect(keeper.listMailboxes(signal())).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' });
    await expect(keeper.listMailboxes(signal())).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' });
    await expect(keeper.watch(ignore, ignore, signal())).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' });
    expect(dialled).toBe(1);
    password = 'secret';
    expect((await keeper.listMailboxes(signal())).length).toBeGreaterThan(0);
    await keeper.close();
  });

  it.each([
    ['a certificate nobody vouches for', { extraCa: undefined }, 'TLS_FAILED', 'TLS failed'],
    ['a certificate for another host', { host: 'other.example' }, 'TLS_FAILED', 'TLS failed'],
  ])('refuses %s', async (_what, patch, code, last) => {
    const connection = connectionTo(dovecot, 'ann', patch);
    const resolve = () => Promise.resolve({ host: connection.host, port: connection.port, addresses: ['127.0.0.1'] });
    const { steps, error } = await verify({ ...connection, resolve });
    expect(error).toMatchObject({ code, retryable: false });
    expect(outcome(steps).at(-1)).toBe(last);
  });

  it('knows a plain server where TLS was asked for', async () => {
    const { error } = await verify(connectionTo(dovecot, 'ann', { port: dovecot.imap.port }));
    expect(error).toMatchObject({ code: 'TLS_FAILED' });
  });

  it('knows a port where nobody listens, and the policy that forbids a host', async () => {
    const { error, steps } = await verify(connectionTo(dovecot, 'ann', { port: 1 }));
    expect(error).toMatchObject({ code: 'CONNECTION_FAILED', retryable: true });
    expect(outcome(steps)).toEqual(['RESOLVE ok', 'CONNECT failed']);
    const forbidden = () => Promise.reject(new MailError('HOST_FORBIDDEN', 'no'));
    expect(await verify(connectionTo(dovecot, 'ann', { resolve: forbidden }))).toMatchObject({
      error: { code: 'HOST_FORBIDDEN' },
      steps: [{ name: 'RESOLVE', ok: false }],
    });
  });

  it('tries the next address', async () => {
    const connection = connectionTo(dovecot, 'ann');
    const resolve = () =>
      Promise.resolve({ host: 'localhost', port: connection.port, addresses: ['::1', '127.0.0.1'] });
    expect((await verify({ ...connection, resolve })).error).toBeUndefined();
  });

  it.each([
    ['username', { username: 'ann\r\nA LOGOUT' }],
    ['password', { secret: () => Promise.resolve({ kind: 'password' as const, password: 'a\0b' }) }],
  ])('sends no line break or NUL in the %s', async (_what, patch) => {
    expect((await verify(connectionTo(dovecot, 'ann', patch))).error).toMatchObject({ code: 'INVALID_INPUT' });
  });
});

describe('a hostile IMAP server', () => {
  it.each([
    ['does not offer STARTTLS', '* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n', undefined],
    ['refuses STARTTLS', '* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN\r\n', 'NO not now\r\n'],
    [
      'goes on in clear after STARTTLS',
      '* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN\r\n',
      'OK go\r\n* CAPABILITY IMAP4rev1\r\n',
    ],
  ])('that %s gets no password', async (_what, capabilities, answer) => {
    const server = await ScriptedServer.start(async (peer) => {
      await peer.send('* OK hello\r\n');
      for (let line = await peer.nextLine(); line !== undefined; line = await peer.nextLine()) {
        const [tag, command] = line.split(' ');
        if (command === 'CAPABILITY') await peer.send(`${capabilities}${tag} OK\r\n`);
        else if (command === 'STARTTLS') await peer.send(`${tag} ${answer}`);
        else await peer.send(`${tag} OK\r\n`);
      }
    });
    const { error } = await verify(plainConnectionTo(server, { security: 'STARTTLS' }));
    expect(error).toMatchObject({ code: 'TLS_FAILED' });
    expect(server.received.join('\n')).not.toMatch(/LOGIN|AUTHENTICATE|secret/);
    await server.close();
  });

  it('with PREAUTH in clear gets no further where STARTTLS is demanded', async () => {
    const server = await ScriptedServer.start(async (peer) => {
      await peer.send('* PREAUTH welcome\r\n');
      for (let line = await peer.nextLine(); line !== undefined; line = await peer.nextLine()) {
        await peer.send(`${line.split(' ')[0]} OK\r\n`);
      }
    });
    expect((await verify(plainConnectionTo(server, { security: 'STARTTLS' }))).error).toMatchObject({
      code: 'TLS_FAILED',
    });
    await server.close();
  });

  const signIn =
    (answer: string) =>
    async (peer: { send(text: string): Promise<void>; nextLine(): Promise<string | undefined> }) => {
      await peer.send('* OK hello\r\n');
      for (let line = await peer.nextLine(); line !== undefined; line = await peer.nextLine()) {
        const [tag, command] = line.split(' ');
        if (command === 'CAPABILITY') await peer.send(`* CAPABILITY IMAP4rev1\r\n${tag} OK\r\n`);
        else if (command === 'LOGIN') await peer.send(answer.replaceAll('TAG', tag!));
        else await peer.send(`${tag} OK\r\n`);
      }
    };

  it.each([
    ['TAG NO nope\r\n', 'AUTHENTICATION_FAILED', false],
    ['TAG NO [AUTHENTICATIONFAILED] nope\r\n', 'AUTHENTICATION_FAILED', false],
    ['TAG NO [EXPIRED] nope\r\n', 'AUTHENTICATION_FAILED', false],
    ['TAG NO [UNAVAILABLE] later\r\n', 'SERVER_REJECTED', true],
    ['TAG NO [LIMIT] too many\r\n', 'RATE_LIMITED', true],
    ['* BYE going down\r\n', 'CONNECTION_FAILED', true],
    ['* BYE\r\nTAG BYE\r\n', 'CONNECTION_FAILED', true],
    ['TAG ', 'TIMEOUT', true],
  ])('IMAP case 10: answers LOGIN with %j', async (answer, code, retryable) => {
    const server = await ScriptedServer.start(signIn(answer));
    const steps: ConnectionStep[] = [];
    const short = AbortSignal.timeout(code === 'TIMEOUT' ? 300 : 5_000);
    await expect(adapter.verify(plainConnectionTo(server), (step) => steps.push(step), short)).rejects.toMatchObject({
      code,
      retryable,
    });
    expect(steps.at(-1)).toMatchObject({ name: 'SIGN_IN', ok: false });
    await server.close();
  });

  it.each([
    ['a line without end', 'x'.repeat(9 * 1024 * 1024), 'TOO_LARGE'],
    ['a literal without end', `* OK {${2 ** 40}}\r\n${'y'.repeat(1000)}`, 'TOO_LARGE'],
    ['BYE instead of a greeting', '* BYE [UNAVAILABLE] full\r\n', 'CONNECTION_FAILED'],
    ['silence', '', 'TIMEOUT'],
  ])('IMAP case 10: that greets with %s ends the attempt', async (_what, greeting, code) => {
    const server = await ScriptedServer.start(async (peer) => {
      await peer.send(greeting);
      await peer.clientClosed();
    });
    const short = AbortSignal.timeout(code === 'TIMEOUT' ? 300 : 5_000);
    await expect(adapter.verify(plainConnectionTo(server), () => undefined, short)).rejects.toMatchObject({ code });
    await server.close();
  });

  it('that says nothing to a command does not hold a caller longer than its signal', async () => {
    const server = await ScriptedServer.start(async (peer) => {
      await peer.send('* PREAUTH hello\r\n');
      for (let line = await peer.nextLine(); line !== undefined; line = await peer.nextLine()) {
        const [tag, command] = line.split(' ');
        if (command !== 'SELECT' && command !== 'EXAMINE') await peer.send(`${tag} OK\r\n`);
      }
    });
    const keeper = openKeeper(plainConnectionTo(server));
    const message = { id: 'x', remote: { uid: 1, uidValidity: 1n } } as never;
    await expect(keeper.fetchHeader(mailbox('INBOX'), message, AbortSignal.timeout(300))).rejects.toMatchObject({
      code: 'TIMEOUT',
    });
    await keeper.close();
    await server.close();
  });
});
