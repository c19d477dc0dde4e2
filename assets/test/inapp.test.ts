// The script of in-app messages in a page of a shop. Besides what browser.ts takes from the environment, it needs
//
//   STAGECRAFT_SHOP   a page whose policy allows that script only; it takes the customer's token and a language as
//                     parameters, and is allowed to ask the server
//
// and the journey welcome, which says something after Signed Up and after Order Completed. Without a shop it is skipped.
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launch, patience, policed, shots, url } from './browser';

const shop = process.env.STAGECRAFT_SHOP ?? '';
const authorization = `Basic ${Buffer.from(`${process.env.STAGECRAFT_WRITE_KEY ?? ''}:`).toString('base64')}`;
const user = 'ada';

interface Inbox {
  messages: { id: string; title: string; read: boolean; clicked: boolean }[];
  unread: number;
}

async function post<T>(path: string, body: unknown): Promise<T> {
  // On the machine itself the console's part needs no key, and the write key is none for it.
  const key: Record<string, string> = path.startsWith('/v1/') ? { Authorization: authorization } : {};
  const headers = { 'Content-Type': 'application/json', 'X-Stagecraft': 'test', ...key };
  const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
  const text = await response.text();
  expect(response.status, text).toBe(200);
  return JSON.parse(text) as T;
}

const track = (event: string) => post('/v1/track', { userId: user, event, context: { traits: { name: 'Ada <i>' } } });

describe.skipIf(!shop)('in-app messages', () => {
  let browser: Browser;
  let page: Page;
  let token: string;
  const troubles: string[] = [];

  const inbox = async () => (await (await fetch(`${url}/v1/inapp`, { headers: { Authorization: `Bearer ${token}` } })).json()) as Inbox;
  const card = () => page.locator('stagecraft-inapp section');
  const visit = (path: string, language = 'en') => page.goto(`${shop}${path}?lang=${language}&token=${encodeURIComponent(token)}`);

  beforeAll(async () => {
    await post('/api/journeys/welcome/mode', { mode: 'live' });
    ({ token } = await post<{ token: string }>('/v1/inapp/token', { userId: user }));
    browser = await launch();
    page = await (await browser.newContext({ colorScheme: 'light', viewport: { width: 900, height: 600 } })).newPage();
    await policed(page);
    page.on('console', (message) => message.type() === 'error' && troubles.push(message.text()));
    page.on('pageerror', (error) => troubles.push(error.message));
  });

  afterAll(() => browser?.close());

  test('a message shows as soon as it is sent, and its text is text', async () => {
    // The first stream is cut off: the page comes back by itself.
    let cut = false;
    await page.route('**/v1/inapp/stream', (route) => {
      if (cut) return route.continue();
      cut = true;
      return route.abort('connectionreset');
    });
    await visit('/');
    await track('Signed Up');
    await card().getByRole('heading', { name: 'Welcome, Ada <i>' }).waitFor();
    expect(cut).toBe(true);
    troubles.length = 0; // the browser notes that the line was cut
    expect(await card().locator('p').innerText()).toBe('Good to see you.\n<b>This</b> & that is text.');
    expect(await card().locator('b, i').count()).toBe(0);
    expect(await card().getByRole('link').innerText()).toBe('Take the tour');
    await expect.poll(async () => (await inbox()).messages[0]?.read, patience).toBe(true);
    await page.screenshot({ path: join(shots, 'inapp-light.png') });
  });

  test('the next one waits its turn, and a closed one is gone everywhere', async () => {
    await track('Order Completed');
    await card().getByText('2/2').waitFor();
    expect(await card().getByRole('heading').innerText()).toBe('Welcome, Ada <i>');
    const box = await inbox();
    expect(box.unread).toBe(1);
    await card().getByRole('link').focus();
    await page.keyboard.press('Escape');
    await card().getByRole('heading', { name: 'Thank you' }).waitFor();
    await expect.poll(async () => (await inbox()).messages.map((m) => m.title), patience).toEqual(['Thank you']);
    expect(await card().getByRole('link').count()).toBe(0);
  });

  test('it waits on the next page too, in the language of the page and in the dark', async () => {
    await page.emulateMedia({ colorScheme: 'dark' });
    await visit('/other', 'vi');
    await card().getByRole('heading', { name: 'Thank you' }).waitFor();
    await page.screenshot({ path: join(shots, 'inapp-dark.png') });
    await card().getByRole('button', { name: 'Đóng' }).click();
    await expect.poll(async () => (await inbox()).messages.length, patience).toBe(0);
    await expect.poll(() => card().isVisible(), patience).toBe(false);
  });

  test('a click leads on and is told', async () => {
    await track('Signed Up');
    await card().getByRole('link', { name: 'Take the tour' }).click();
    await page.waitForURL(`${shop}/tour`);
    await expect.poll(async () => (await inbox()).messages.map((m) => m.clicked), patience).toEqual([true]);
    await visit('/');
    await page.waitForTimeout(500);
    expect(await card().isVisible()).toBe(false);
  });

  test('nothing went wrong on the pages', () => expect(troubles).toEqual([]));
});
