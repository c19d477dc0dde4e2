// The pages of customers in a real browser, against a real Stagecraft; see console.test.ts for what it takes. It sends events
// of one new customer, and moves and erases that one only. Without STAGECRAFT_PEOPLE, which says that the server is there for
// it alone, it is skipped.
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launch, look, order, patience, policed, readable, shots, still, url, watch } from './browser';

const user = `person-${Date.now().toString(36)}`;

describe.skipIf(!process.env.STAGECRAFT_PEOPLE)('customers', () => {
  let browser: Browser;
  let page: Page;
  let seen: ReturnType<typeof watch>;

  beforeAll(async () => {
    browser = await launch();
    page = await browser.newPage({ viewport: { width: 1440, height: 900 }, colorScheme: 'light', reducedMotion: 'reduce' });
    seen = watch(page);
    await policed(page);
    await order(user, `${user}-1`);
    await page.goto(`${url}/#/customers`);
  });

  afterAll(async () => {
    await browser?.close();
  });

  test('lists the newest, and finds one by an address', async () => {
    await page.locator(`[data-customer="${user}"]`).waitFor();
    await page.getByRole('textbox', { name: 'Find a customer' }).fill(`${user}@example.com`);
    await page.getByRole('button', { name: 'Find' }).click();
    await page.locator('[data-visit="customer-lifecycle"]').waitFor();
    await expect.poll(() => page.url(), patience).toMatch(/#\/customers\/[0-9a-f]{32}$/);
    await page.locator('[data-identity="user"]').getByText(user).waitFor();
    expect(await page.locator('[data-trait="email"]').innerText()).toContain('api');
    expect(await page.locator('[data-visit="customer-lifecycle"] h2').innerText()).toContain('Single purchase');
  });

  test('shows what happens as it happens, and why', async () => {
    const lived = page.locator('[data-lived="Order Completed"]');
    await expect.poll(() => lived.count(), patience).toBe(1);
    await order(user, `${user}-2`);
    await expect.poll(() => lived.count(), patience).toBe(2);
    await expect.poll(() => page.locator('[data-visit="customer-lifecycle"] h2').innerText(), patience).toContain('Active');
    await lived.first().getByRole('button').click();
    await expect.poll(() => lived.first().innerText(), patience).toContain('message ID');
    await page.getByRole('tab', { name: 'Messages' }).click();
    await page.locator('[data-message="thank-you"]').waitFor();
    await page.locator('[data-message="thank-you"]').getByRole('link', { name: 'thank-you' }).click();
    await page.getByRole('dialog').getByRole('link', { name: user }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('tab', { name: 'Messages' }).press('ArrowRight');
    await page.getByText('they are in active since').waitFor();
  });

  test('is readable in both themes, and on a telephone', async () => {
    await page.getByRole('tab', { name: 'Timeline' }).click();
    await page.locator('[data-visit] summary').first().click();
    await page.locator('[data-lived]').first().waitFor();
    for (const theme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
      await still(page);
      await readable(page, theme);
      const picture = await look(browser, await page.screenshot({ path: join(shots, `customer-${theme}.png`), fullPage: true }));
      expect(picture.commonest).toBeLessThan(0.95);
    }
    await page.setViewportSize({ width: 390, height: 844 });
    await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth), patience).toBeLessThanOrEqual(390);
    await page.screenshot({ path: join(shots, 'customer-phone.png'), fullPage: true });
    await page.setViewportSize({ width: 1440, height: 900 });
  });

  test('moves, which the journey’s rules may refuse', async () => {
    await page.getByRole('button', { name: 'Move …' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Stage').selectOption({ label: 'Lost' });
    await dialog.getByRole('button', { name: 'Go' }).click();
    await dialog.waitFor({ state: 'detached' });
    await expect.poll(() => page.locator('[data-visit="customer-lifecycle"] h2').innerText(), patience).toContain('Lost');
    await page.getByRole('button', { name: 'Move …' }).click();
    await dialog.getByLabel('Stage').selectOption({ label: 'Single purchase' });
    await dialog.getByRole('button', { name: 'Go' }).click();
    await dialog.getByText('Refused:').waitFor();
    await dialog.getByRole('button', { name: 'Not now' }).click();
    seen.troubles.splice(0); // the browser notes that the move was refused
  });

  test('plans what publishing would do, and changes nothing', async () => {
    await page.goto(`${url}/#/moves`);
    seen.changes.splice(0);
    await page.getByRole('button', { name: 'What would it do?' }).click();
    await page.locator('[data-effect="active"]').waitFor();
    expect(await page.locator('[data-effect]').count()).toBe(4);
    await page.screenshot({ path: join(shots, 'plan.png') });
    expect(seen.changes).toEqual(['POST /api/journeys/customer-lifecycle/plan']);
  });

  test('gives everything as a file, and forgets', async () => {
    await page.goto(`${url}/#/customers/${user}`);
    const link = page.locator('a[download]');
    const exported = await fetch(new URL((await link.getAttribute('href')) ?? '', `${url}/`));
    expect(exported.status).toBe(200);
    expect(await exported.text()).toContain(`${user}@example.com`);
    await page.getByRole('button', { name: 'Erase …' }).click();
    await page.getByRole('dialog').getByRole('textbox').fill('erase');
    await page.getByRole('button', { name: 'Erase for good' }).click();
    await page.getByText('is forgotten').waitFor();
    await page.locator('h2', { hasText: 'Newest customers' }).waitFor();
    await expect.poll(async () => (await fetch(`${url}/v1/customers/${user}`)).status, patience).toBe(404);
    expect(seen.troubles).toEqual([]);
  });
});
