// Rows that a telephone has no room for, in a real browser, against a real Stagecraft; see console.test.ts for what it takes.
// It makes a key and revokes it, and moves one new customer.
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launch, order, patience, policed, readable, shots, still, url } from './browser';

const user = `narrow-${Date.now().toString(36)}`;

let browser: Browser;
let page: Page;

beforeAll(async () => {
  browser = await launch();
  page = await browser.newPage({ viewport: { width: 390, height: 860 }, colorScheme: 'light', reducedMotion: 'reduce' });
  await policed(page);
});

afterAll(async () => {
  await browser?.close();
});

async function ask(method: string, path: string, body?: object): Promise<Record<string, string>> {
  const headers = { 'Content-Type': 'application/json', 'X-Stagecraft': 'test' };
  const response = await fetch(`${url}${path}`, { method, headers, body: body ? JSON.stringify(body) : null });
  const text = await response.text();
  expect(response.status, text).toBeLessThan(300);
  return JSON.parse(text || '{}') as Record<string, string>;
}

/** How far the current one of a row lies outside of what is seen of the row. */
const outside = (row: Locator) =>
  row.evaluate((row) => {
    const [box, here] = [row, row.querySelector('[aria-current]') ?? row].map((one) => one.getBoundingClientRect()) as [DOMRect, DOMRect];
    return Math.max(0, Math.round(here.right - box.right), Math.round(box.left - here.left));
  });

test('a key can be revoked on a telephone, and the page’s name is in sight', async () => {
  const key = await ask('POST', '/v1/keys', { name: user, scopes: ['read', 'send', 'ingest'], rate: 0 });
  await page.goto(`${url}/#/keys`);
  const revoke = page.locator('tr', { hasText: user }).getByRole('button', { name: 'Revoke' });
  await revoke.waitFor();
  await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth), patience).toBe(390);
  const box = await revoke.boundingBox();
  expect(box!.x).toBeGreaterThanOrEqual(0);
  expect(box!.x + box!.width).toBeLessThanOrEqual(390);
  await expect.poll(() => outside(page.getByRole('navigation', { name: 'Pages' })), patience).toBe(0);
  for (const theme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
    await still(page);
    await readable(page, `keys, ${theme}`);
    await page.screenshot({ path: join(shots, `keys-390-${theme}.png`), fullPage: true });
  }
  await ask('DELETE', `/v1/keys/${key.id}`);
});

test('a customer’s stage is in sight', async () => {
  await page.setViewportSize({ width: 320, height: 860 });
  await order(user, `${user}-1`);
  await order(user, `${user}-2`);
  await ask('POST', '/api/moves', { user, journey: 'customer-lifecycle', to: 'lost' });
  await page.goto(`${url}/#/customers/${user}`);
  const line = page.locator('[data-visit="customer-lifecycle"] ol');
  await line.locator('[aria-current]').waitFor();
  await expect.poll(() => outside(line), patience).toBe(0);
  expect(await page.evaluate(() => window.scrollY)).toBe(0);
});

test('the pages stay in sight, what is above them does not, and the keyboard gets past both', async () => {
  await page.setViewportSize({ width: 390, height: 600 });
  await page.goto(`${url}/#/events`);
  await page.locator('[data-event]').first().waitFor();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await expect.poll(() => page.evaluate(() => document.activeElement?.tagName), patience).toBe('MAIN');
  expect(await page.evaluate(() => location.hash)).toBe('#/events');
  await page.evaluate(() => ((document.body.style.minHeight = '2000px'), window.scrollTo(0, 500)));
  const seen = () => page.locator('body header').first().evaluate((header) => Math.round(header.getBoundingClientRect().bottom));
  await expect.poll(seen, patience).toBeLessThan(60);
  await expect.poll(() => outside(page.getByRole('navigation', { name: 'Pages' })), patience).toBe(0);
});
