// The page of channels in a real browser, against a real Stagecraft; see console.test.ts for what it takes from the
// environment. It sets the channel push up and removes it again.
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launch, look, patience, policed, readable, shots, still, url, watch } from './browser';

const secret = 'not-a-key-not-a-key';
// Of RFC 8291, appendix A.
const key = 'yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw';

let browser: Browser;
let page: Page;
let seen: ReturnType<typeof watch>;

const card = (name: string) => page.locator(`[data-channel="${name}"]`);
const field = (name: string) => page.locator(`#push-${name}`);
const save = () => card('push').getByRole('button', { name: 'Save' }).click();

beforeAll(async () => {
  browser = await launch();
  page = await browser.newPage({ viewport: { width: 1280, height: 900 }, colorScheme: 'light' });
  seen = watch(page);
  await policed(page);
  await page.goto(`${url}/#/channels`);
  await card('email').waitFor();
});

afterAll(async () => {
  await browser?.close();
});

test('shows the channels, in both themes', async () => {
  expect(await card('email').innerText()).toMatch(/via log/);
  expect(await card('push').innerText()).toMatch(/not set up/);
  for (const scheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    await still(page);
    const picture = await look(browser, await page.screenshot({ path: join(shots, `channels-${scheme}.png`) }));
    expect(picture.brightness > 0.5).toBe(scheme === 'light');
    await readable(page, scheme);
  }
});

test('sets one up: what is refused is said beside its field, and a secret is never shown again', async () => {
  await card('push').getByRole('button', { name: 'Set up' }).click();
  await page.locator('#push-vapid_private_key').waitFor({ state: 'attached' });
  await card('push').locator('details.section > summary', { hasText: 'Web Push' }).click();
  await field('vapid_private_key').fill(secret);
  await field('contact').fill('mailto:push@example.com');
  await save();
  await expect.poll(() => card('push').locator('[role=alert]').innerText(), patience).toMatch(/vapid_private_key/);
  expect(await card('push').locator('[role=alert]').innerText()).not.toContain(secret);
  expect(await field('vapid_private_key').getAttribute('aria-invalid')).toBe('true');

  await field('vapid_private_key').fill(key);
  await save();
  await expect.poll(() => card('push').innerText(), patience).toMatch(/via push.*\s+running/);
  await page.reload();
  await card('push').getByRole('button', { name: 'Change' }).click();
  await field('vapid_private_key').waitFor({ state: 'attached' });
  expect(await field('vapid_private_key').inputValue()).toBe('');
  expect(await field('vapid_private_key').getAttribute('placeholder')).toMatch(/is set/);
  expect(await page.content()).not.toContain(key);
  await field('ttl').fill('60');
  await save();
  await expect.poll(() => card('push').locator('form').count(), patience).toBe(0);
});

test('removes it', async () => {
  await card('push').getByRole('button', { name: 'Remove' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await expect.poll(() => card('push').innerText(), patience).toMatch(/not set up/);
});

test('adds a second channel of mail, with the form of its kind, and removes it', async () => {
  await page.getByRole('button', { name: 'Add a channel' }).click();
  const form = page.getByRole('form', { name: 'Add a channel' });
  await form.locator('select').selectOption('email');
  await form.locator('input').fill('news');
  await readable(page, 'dark');
  await form.getByRole('button', { name: 'Go on to its settings' }).click();
  await page.locator('#email-news-host').fill('127.0.0.1');
  await page.locator('#email-news-from').fill('News <hello@news.example>');
  await card('email-news').getByRole('button', { name: 'Save' }).click();
  await expect.poll(() => card('email-news').innerText(), patience).toMatch(/via email.*\s+running/);
  await expect.poll(() => card('email-news').getByText('DNS records of the sender').count(), patience).toBe(1);
  await card('email-news').getByRole('button', { name: 'Remove' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await expect.poll(() => card('email-news').count(), patience).toBe(0);
});

test('nothing went wrong on the way', () => {
  expect(seen.troubles.filter((trouble) => !/status of 400/.test(trouble))).toEqual([]);
  expect(new Set(seen.changes)).toEqual(new Set(['push', 'email-news'].flatMap((name) => [`PUT /api/channels/${name}`, `DELETE /api/channels/${name}`])));
});
