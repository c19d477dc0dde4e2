// The page of figures in a real browser, against a real Stagecraft; see console.test.ts for what it takes. It sends two
// events of one new customer.
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Report } from '../src/lib/report';
import { launch, look, order, patience, policed, readable, shots, still, url, watch } from './browser';

const user = `figures-${Date.now().toString(36)}`;
const figures = async () => (await (await fetch(`${url}/v1/journeys/customer-lifecycle/figures`)).json()) as Report;
const tile = async (name: string) => Number((await page.locator(`[data-tile="${name}"] .count`).innerText()).replace(/,/g, ''));

let browser: Browser;
let page: Page;
let seen: ReturnType<typeof watch>;

beforeAll(async () => {
  browser = await launch();
  page = await browser.newPage({ viewport: { width: 1440, height: 900 }, colorScheme: 'light', reducedMotion: 'reduce' });
  seen = watch(page);
  await policed(page);
  await order(user, `${user}-1`);
  await page.goto(`${url}/#/figures?journey=customer-lifecycle&days=30`);
  await page.locator('[data-funnel]').first().waitFor();
});

afterAll(async () => {
  await browser?.close();
});

test('shows what the server counts, and what comes, live', async () => {
  const before = await figures();
  await expect.poll(() => tile('entered'), patience).toBe(before.entered);
  expect(await page.locator('[data-funnel]').count()).toBe(before.stages.length);
  expect(await page.locator('[data-days]').count()).toBe(before.stages.length);
  const converted = await tile('converted');
  await order(user, `${user}-2`);
  await expect.poll(() => tile('converted'), patience).toBe(converted + 1);
  expect(await page.locator('[data-way="single-purchase>active"] td').first().innerText()).not.toBe('');
});

test('gives the same as a table', async () => {
  const link = (await page.locator('a[download]').first().getAttribute('href')) ?? '';
  const response = await fetch(new URL(link, `${url}/`));
  expect(response.headers.get('content-type')).toMatch(/^text\/csv/);
  expect(response.headers.get('content-disposition')).toContain('customer-lifecycle-stages.csv');
  const rows = (await response.text()).trim().split('\n');
  expect(rows[0]).toMatch(/^day,stage,entered,left,/);
  expect(rows.some((row) => /^\d{4}-\d\d-\d\d,single-purchase,/.test(row))).toBe(true);
});

test('is read by keyboard, and is readable in both themes', async () => {
  await page.locator('.rows').focus();
  await page.keyboard.press('ArrowLeft');
  await expect.poll(() => page.locator('.when').innerText(), patience).toMatch(/\d{4}$/);
  for (const theme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
    await still(page);
    await readable(page, theme);
    const picture = await look(browser, await page.screenshot({ path: join(shots, `figures-${theme}.png`), fullPage: true }));
    expect(picture.commonest).toBeLessThan(0.95);
  }
  await page.setViewportSize({ width: 390, height: 844 });
  await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth), patience).toBeLessThanOrEqual(390);
  await page.screenshot({ path: join(shots, 'figures-phone.png'), fullPage: true });
  expect(seen.troubles).toEqual([]);
  expect(seen.changes).toEqual([]);
});
