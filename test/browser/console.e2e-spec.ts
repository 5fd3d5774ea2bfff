import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { chromium, type Browser, type Page } from 'playwright-core';
import { message } from '../factories/messages.js';
import { addAccount, imapInput, synchronised } from '../e2e/accounts.js';
import { until } from '../e2e/gateway-client.js';
import { TestGateway } from '../e2e/test-gateway.js';
import { startDovecot, type Dovecot } from '../servers/dovecot.js';

const KEY = 'a-key-for-the-browser-to-paste';

let dovecot: Dovecot;
let gateway: TestGateway;
let browser: Browser;

beforeAll(async () => {
  dovecot = await startDovecot({ users: { ann: 'secret-a' } });
  await dovecot.deliver('ann', message({ subject: 'seen in a browser' }));
  gateway = await TestGateway.start([dovecot], { ADMIN_API_KEY: KEY });
  const client = gateway.client(KEY);
  await synchronised(client, await addAccount(client, { imap: imapInput(dovecot, 'ann') }));
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    // Root has no sandbox; the rest keeps the browser from calling home.
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}, 120_000);

afterAll(async () => {
  await browser.close();
  await gateway.stop();
  await dovecot.stop();
}, 60_000);

const shows = (page: Page, text: string): Promise<void> =>
  page.locator('.graphiql-response').filter({ hasText: text }).waitFor({ timeout: 30_000 });

it('the console loads without the network, runs a query and a subscription', async () => {
  const page = await browser.newPage();
  const elsewhere: string[] = [];
  const failures: string[] = [];
  page.on('request', (request) => {
    if (!/^(?:data|blob):/.test(request.url()) && !request.url().startsWith(gateway.url)) elsewhere.push(request.url());
  });
  page.on('pageerror', (error) => failures.push(error.message));
  await page.goto(gateway.url);
  await page.fill('input', KEY);
  await page.click('button');
  await page.click('.graphiql-execute-button');
  await shows(page, 'seen in a browser');

  await page.getByRole('tab', { name: 'NewMail' }).click();
  // The editor learns a tab's operation a moment after it shows its text, and refuses until then. A person is slower than that.
  const running = page.getByRole('button', { name: 'Stop query' });
  await until(
    async () => {
      await page.getByRole('button', { name: 'Execute query' }).click();
      return running.waitFor({ timeout: 2_000 }).then(
        () => true,
        () => false,
      );
    },
    (started) => started,
  );
  // The subscription begins in its own time: mail is delivered until it has been announced.
  const response = page.locator('.graphiql-response').filter({ hasText: 'delivered while watched' });
  await until(
    async () => {
      await dovecot.deliver('ann', message({ subject: 'delivered while watched' }));
      return response.isVisible();
    },
    (visible) => visible,
  );
  expect({ elsewhere, failures }).toEqual({ elsewhere: [], failures: [] });
}, 90_000);
