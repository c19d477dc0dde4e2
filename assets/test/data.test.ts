// The page of data in a real browser, against a real Stagecraft; see console.test.ts for what it takes. It leaves an import, a
// mapping and nothing else behind; the secret of webhooks is changed, and the change finished.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launch, look, order, patience, policed, readable, shots, still, url, watch } from './browser';

const mark = Date.now().toString(36);
const source = `list ${mark}`;

let browser: Browser;
let page: Page;
let seen: ReturnType<typeof watch>;

async function ask(method: string, path: string, body: unknown): Promise<void> {
  const response = await fetch(url + path, {
    method,
    headers: { 'Content-Type': 'application/json', Authorization: `Basic ${Buffer.from(`${process.env.STAGECRAFT_WRITE_KEY}:`).toString('base64')}` },
    body: JSON.stringify(body),
  });
  expect(response.status, await response.text()).toBe(200);
}

beforeAll(async () => {
  browser = await launch();
  page = await browser.newPage({ viewport: { width: 1440, height: 900 }, colorScheme: 'light', reducedMotion: 'reduce' });
  seen = watch(page);
  await policed(page);
  await order(`data-${mark}`, `data-${mark}`);
  const row = (line: number, user: object) => ({ line, id: `${line}`, event: { type: 'track', event: 'Order Completed', timestamp: new Date(Date.now() - 3_600_000).toISOString(), ...user } });
  await ask('POST', '/v1/import', { source, history: true });
  await ask('POST', `/v1/import/${encodeURIComponent(source)}/events`, { events: [row(2, { userId: `old-${mark}` }), row(3, {}), row(4, { userId: true })] });
  await ask('PUT', `/v1/import/${encodeURIComponent(source)}/mapping`, { map: { userId: 'customer', 'properties.total': 'total' } });
  await page.goto(`${url}/#/data`);
  await page.locator(`[data-import="${source}"]`).waitFor();
});

afterAll(async () => {
  await browser?.close();
});

test('shows an import and what of it was not taken', async () => {
  const card = page.locator(`[data-import="${source}"]`);
  expect(await card.innerText()).toMatch(/open[\s\S]*history[\s\S]*1 new[\s\S]*2 not taken/);
  await card.locator('summary').click();
  expect(await card.locator('ol').innerText()).toMatch(/line 3[\s\S]*line 4/);
});

test('is readable in both themes, and on a phone', async () => {
  await page.locator(`[data-mapping="${source}"] summary`).click();
  for (const theme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
    await still(page);
    await readable(page, theme);
    const picture = await look(browser, await page.screenshot({ path: join(shots, `data-${theme}.png`), fullPage: true }));
    expect(picture.commonest).toBeLessThan(0.97);
  }
  await page.setViewportSize({ width: 390, height: 844 });
  await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth), patience).toBeLessThanOrEqual(390);
  await page.screenshot({ path: join(shots, 'data-phone.png'), fullPage: true });
  await page.setViewportSize({ width: 1440, height: 900 });
});

test('ends an import, and forgets a mapping', async () => {
  const card = page.locator(`[data-import="${source}"]`);
  await card.getByRole('button', { name: 'End it …' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
  await expect.poll(() => card.innerText(), patience).toMatch(/done/);
  await page.locator(`[data-mapping="${source}"] button`).click();
  await expect.poll(() => page.locator(`[data-mapping="${source}"]`).count(), patience).toBe(0);
});

test('takes everything of a kind out as a file', async () => {
  for (const [format, first] of [
    ['CSV', /^customer,/],
    ['NDJSON', /^\{"/],
  ] as const) {
    await page.getByRole('radio', { name: format, exact: true }).check();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export customers' }).click()]);
    expect(download.suggestedFilename()).toBe(`customers.${format.toLowerCase()}`);
    const text = readFileSync(await download.path(), 'utf8');
    expect(text).toMatch(first);
    expect(text).toContain(`data-${mark}`);
    expect(text).toContain(`old-${mark}`);
    await expect.poll(() => page.getByRole('button', { name: 'Export customers' }).count(), patience).toBe(1);
  }
});

test('rewrites the files', async () => {
  const files = page.locator('[data-rewrite]');
  await files.getByRole('button', { name: 'Rewrite them now …' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Rewrite them' }).click();
  await expect.poll(() => files.innerText(), patience).toMatch(/Last rewritten/);
});

test('changes the secret of webhooks, and finishes the change', async () => {
  await page.goto(`${url}/#/channels`);
  await page.getByRole('button', { name: 'Change it …' }).click();
  await page.getByRole('button', { name: 'Draw it' }).click();
  const secret = page.locator('dialog .secret code');
  expect(await secret.innerText()).toMatch(/^whsec_/);
  await page.screenshot({ path: join(shots, 'webhook-secret.png') });
  await page.getByRole('button', { name: 'Done' }).click();
  await expect.poll(() => page.locator('dialog[open]').count(), patience).toBe(0);
  await page.getByRole('button', { name: 'Finish the change …' }).click();
  await page.getByRole('button', { name: 'All receivers know it' }).click();
  await page.getByRole('button', { name: 'Change it …' }).waitFor();
  expect(seen.troubles).toEqual([]);
});
