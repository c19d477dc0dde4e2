// Many tabs of the console in one browser, against a real Stagecraft; see console.test.ts for what it takes. It sends
// events of two new customers.
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterEach, beforeAll, afterAll, expect, test } from 'vitest';
import { launch, order, patience, policed, url, watch } from './browser';

const user = `tabs-${Date.now().toString(36)}`;

let browser: Browser;
let context: BrowserContext;
let streams: number;

beforeAll(async () => {
  browser = await launch();
});

afterEach(async () => {
  await context?.close();
});

afterAll(async () => {
  await browser?.close();
});

const customers = (page: Page) => page.locator('[data-stage="single-purchase"] [data-figure="customers"] .count').first();
const read = async (page: Page) => Number((await customers(page).innerText()).replace(/,/g, ''));
const connection = (page: Page) => page.locator('.connection').innerText();
const answers = (page: Page) => page.evaluate(async () => (await fetch('/api/overview')).status);

async function open(): Promise<{ page: Page; troubles: string[] }> {
  const page = await context.newPage();
  const { troubles } = watch(page);
  page.on('request', (request) => (streams += request.url().endsWith('/api/stream') ? 1 : 0));
  await policed(page);
  await page.goto(`${url}/#/journey/customer-lifecycle`);
  await customers(page).waitFor();
  return { page, troubles };
}

// What the browser does when its user looks at another tab, and comes back.
const look = (page: Page, at: boolean) =>
  page.evaluate((at) => {
    Object.defineProperty(document, 'hidden', { configurable: true, value: !at });
    document.dispatchEvent(new Event('visibilitychange'));
  }, at);

async function fresh(): Promise<void> {
  context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  streams = 0;
}

test('eight tabs share one stream, and all show a change', async () => {
  await fresh();
  const tabs: Awaited<ReturnType<typeof open>>[] = [];
  for (let n = 0; n < 8; n++) tabs.push(await open());
  for (const { page } of tabs) await expect.poll(() => connection(page), patience).toBe('live');
  expect(streams).toBe(1);
  for (const { page } of tabs) expect(await answers(page)).toBe(200);

  const before = await read(tabs[0]!.page);
  await order(user, `${user}-1`);
  for (const { page } of tabs) await expect.poll(() => read(page), patience).toBe(before + 1);
  expect(streams).toBe(1);

  // Who held the stream is closed, or not looked at: another one goes on.
  await tabs.shift()!.page.close();
  await expect.poll(() => streams, patience).toBe(2);
  await look(tabs[0]!.page, false);
  await expect.poll(() => streams, patience).toBe(3);
  await order(user, `${user}-2`);
  for (const { page } of tabs) await expect.poll(() => read(page), patience).toBe(before);
  expect(tabs.flatMap(({ troubles }) => troubles)).toEqual([]);
});

test('without locks, a tab that is not looked at takes no connection', async () => {
  await fresh();
  await context.addInitScript(() => delete (Navigator.prototype as unknown as Record<string, unknown>).locks);
  const tabs: Awaited<ReturnType<typeof open>>[] = [];
  for (let n = 0; n < 8; n++) {
    const tab = await open();
    await expect.poll(() => connection(tab.page), patience).toBe('live');
    tabs.push(tab);
    if (n < 7) await look(tab.page, false);
  }
  expect(streams).toBe(8);
  const [first, last] = [tabs[0]!.page, tabs[7]!.page];
  expect(await answers(last)).toBe(200);

  const before = await read(last);
  await order(`${user}-alone`, `${user}-3`);
  await expect.poll(() => read(last), patience).toBe(before + 1);
  await look(last, false);
  await look(first, true);
  await expect.poll(() => read(first), patience).toBe(before + 1);
  expect(tabs.flatMap(({ troubles }) => troubles)).toEqual([]);
});
