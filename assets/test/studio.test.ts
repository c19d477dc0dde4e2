// The editor, publishing, the modes and the brake, in a real browser against a real Stagecraft. It takes from the
// environment what console.test.ts takes, and
//
//   STAGECRAFT_SCRIPTS  the server's scripts folder, with a journey browser-care of one stage, welcome, that sends hello
//                       and waits 30 minutes; it is off
//
// and changes that journey and nothing else.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launch, order, overview, patience, policed, readable, shots, still, url, watch } from './browser';

const journey = 'browser-care';
const file = join(process.env.STAGECRAFT_SCRIPTS ?? '', journey, 'welcome.lua');
const user = `studio-${Date.now().toString(36)}`;
const original = readFileSync(file, 'utf8');

let browser: Browser;
let page: Page;
let seen: ReturnType<typeof watch>;

const mode = async () => (await overview()).journeys.find((one) => one.name === journey)?.mode;
const dialog = () => page.locator('dialog[open]');
const text = async () => (await page.locator('.cm-line').allInnerTexts()).map((one) => one.replace(/\n$/, '')).join('\n');
const line = (content: string) => page.locator('.cm-line', { hasText: content }).first();

/** Puts the cursor behind a line's text and types. */
async function append(content: string, typed: string): Promise<void> {
  await line(content).click();
  await page.keyboard.press('End');
  await page.keyboard.type(typed);
}

beforeAll(async () => {
  browser = await launch();
  page = await browser.newPage({ viewport: { width: 1280, height: 860 }, colorScheme: 'light', reducedMotion: 'reduce' });
  seen = watch(page);
  await policed(page);
  page.on('dialog', (asked) => void asked.accept());
  await page.goto(`${url}/#/journey/${journey}`);
  await page.locator('[data-stage="welcome"]').waitFor().catch(async (late) => {
    throw new Error(`the page shows:\n${await page.locator('body').innerText()}`, { cause: late });
  });
});

afterAll(async () => {
  await browser?.close();
  writeFileSync(file, original);
});

describe('going live', () => {
  test('shows whom it reaches, and happens', async () => {
    await page.locator('.modes button', { hasText: 'Live' }).click();
    await expect.poll(() => dialog().locator('[data-reach="hour"]').innerText(), patience).toBe('0');
    await expect.poll(() => dialog().locator('[data-reach="week"]').innerText(), patience).toBe('0');
    await dialog().getByRole('button', { name: 'Go live' }).click();
    await expect.poll(mode, patience).toBe('live');
    await expect.poll(() => dialog().count(), patience).toBe(0);
  });

  test('the brake works without a question, and is released with one', async () => {
    await order(user, `${user}-1`);
    await page.locator('.brake').click();
    await expect.poll(mode, patience).toBe('braked');
    await page.locator('div.braked').waitFor();
    await page.screenshot({ path: join(shots, 'braked.png') });
    await page.locator('.brake', { hasText: 'Release' }).click();
    await expect.poll(() => dialog().locator('[data-reach="hour"]').innerText(), patience).toBe('1');
    await page.screenshot({ path: join(shots, 'release.png') });
    await dialog().getByRole('button', { name: 'Go on live' }).click();
    await expect.poll(mode, patience).toBe('live');
    await page.locator('div.braked').waitFor({ state: 'detached' });
  });
});

describe('the editor', () => {
  test('comes with the first edit, and not before', async () => {
    const scripts = () => page.evaluate(() => performance.getEntriesByType('resource').filter((one) => one.name.includes('Studio')).length);
    await page.locator('[data-stage="welcome"] a').click();
    await page.locator('.script').waitFor();
    expect(await scripts()).toBe(0);
    await page.getByRole('link', { name: 'Edit' }).click();
    await page.locator('.cm-content').waitFor();
    expect(await scripts()).toBeGreaterThan(0);
    await expect.poll(async () => (await text()).trimEnd(), patience).toBe(original.trimEnd());
    await expect.poll(() => page.locator('.cm-word', { hasText: 'send' }).count(), patience).toBe(1);
    await expect.poll(() => page.locator('.status').innerText(), patience).toContain('Nothing to complain about');
    await expect.poll(() => page.locator('.node').count(), patience).toBeGreaterThan(2);
  });

  test('checks while one types, at the line', async () => {
    await append('send "hello"', '\nsned "hello"');
    await expect.poll(() => page.locator('.status').innerText(), patience).toContain('1 error');
    await expect.poll(() => page.locator('.cm-lintRange-error').innerText(), patience).toBe('sned');
    await expect.poll(() => page.locator('.problems').innerText(), patience).toMatch(/welcome\.lua:5[^]*sned[^]*did you mean "send"/);
    await page.screenshot({ path: join(shots, 'editor-problem.png') });
    // While it is broken it cannot be run.
    await page.getByRole('tab', { name: 'Dry run' }).click();
    await expect.poll(() => page.locator('.pane').getByRole('button', { name: 'Run' }).isDisabled(), patience).toBe(true);
    await page.getByRole('button', { name: 'Discard' }).click();
    await expect.poll(() => page.locator('.status').innerText(), patience).toContain('Nothing to complain about');
    await expect.poll(async () => (await text()).trimEnd(), patience).toBe(original.trimEnd());
    await expect.poll(() => page.getByRole('button', { name: 'Publish' }).isDisabled(), patience).toBe(true);
  });

  test('completes words and the messages of the journey', async () => {
    await append('send "hello"', '\nta');
    const options = page.locator('.cm-tooltip-autocomplete li');
    await expect.poll(() => options.allInnerTexts(), patience).toContainEqual(expect.stringMatching(/^tag/));
    await page.screenshot({ path: join(shots, 'editor-completion.png') });
    await page.keyboard.press('Escape');
    await page.keyboard.press('Backspace');
    await page.keyboard.press('Backspace');
    await page.keyboard.type('send "');
    await expect.poll(() => options.allInnerTexts(), patience).toEqual(['hello']);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Discard' }).click();
    await expect.poll(async () => (await text()).trimEnd(), patience).toBe(original.trimEnd());
  });

  test('draws the flow of the draft', async () => {
    await page.getByRole('tab', { name: 'Flow' }).click();
    await append('send "hello"', '\ntag "greeted"');
    await expect.poll(text, patience).toContain('\n  send "hello"\n  tag "greeted"\n  wait');
    await expect.poll(() => page.locator('.node[data-kind="tag"]').innerText(), patience).toContain('greeted');
    await page.locator('.node[data-kind="wait"]').first().click();
    await expect.poll(() => page.locator('.cm-activeLine').innerText(), patience).toContain('wait');
  });

  test('runs the draft for one customer', async () => {
    await page.getByRole('tab', { name: 'Dry run' }).click();
    await page.locator('.pane').getByLabel('Customer').fill('nobody-at-all');
    await page.locator('.pane').getByRole('button', { name: 'Run' }).click();
    await expect.poll(() => page.locator('.pane .trouble').innerText(), patience).toContain('nobody-at-all');
    seen.troubles.length = 0; // the browser notes an answer of 404 itself
    await page.locator('.pane').getByLabel('Customer').fill(user);
    await page.locator('.pane').getByRole('button', { name: 'Run' }).click();
    await page.locator('.pane .result').waitFor();
    expect(await page.locator('.pane .sum').innerText()).toMatch(/Welcome/);
    await page.screenshot({ path: join(shots, 'dry-run.png') });
  });

  test('compares the draft over what is stored', async () => {
    await page.getByRole('tab', { name: 'Compare' }).click();
    await page.locator('.pane').getByRole('button', { name: 'Compare' }).click();
    await page.locator('.pane .result').waitFor();
    expect(await page.locator('.pane .sum').innerText()).toMatch(/\d+ of [\d,]+ customers? would differ/);
    await page.screenshot({ path: join(shots, 'compare.png') });
  });

  test('fits a small window, in both themes', async () => {
    for (const theme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
      for (const width of [390, 1280]) {
        await page.setViewportSize({ width, height: 860 });
        await still(page);
        await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), patience).toBe(0);
        await readable(page, theme);
        await page.screenshot({ path: join(shots, `editor-${width}-${theme}.png`), fullPage: true });
      }
    }
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  });

  test('publishing is refused where somebody else changed the file, and then happens', async () => {
    writeFileSync(file, `${original}-- somebody else\n`);
    await page.getByRole('button', { name: 'Publish' }).click();
    await expect.poll(() => dialog().locator('.lines .new').allInnerTexts(), patience).toContainEqual(expect.stringContaining('tag "greeted"'));
    await dialog().getByRole('button', { name: 'Publish', exact: true }).click();
    await expect.poll(() => dialog().locator('.trouble').innerText(), patience).toMatch(/welcome\.lua[^]*changed on the disk/);
    seen.troubles.length = 0; // the browser notes an answer of 409 itself
    await page.screenshot({ path: join(shots, 'publish-refused.png') });
    await dialog().getByRole('button', { name: 'Go on editing' }).click();
    writeFileSync(file, original);

    await page.getByRole('button', { name: 'Publish' }).click();
    await expect.poll(() => dialog().locator('[data-reach="hour"]').innerText(), patience).toBe('1');
    await expect.poll(() => dialog().innerText(), patience).toMatch(/1 run waits/);
    await page.screenshot({ path: join(shots, 'publish.png') });
    await dialog().getByRole('button', { name: 'Publish', exact: true }).click();
    await expect.poll(() => dialog().count(), patience).toBe(0);
    expect(readFileSync(file, 'utf8')).toContain('tag "greeted"');
    await expect.poll(() => page.getByRole('button', { name: 'Publish' }).isDisabled(), patience).toBe(true);
    await page.getByRole('link', { name: 'Read' }).click();
    await expect.poll(() => page.locator('.script').innerText(), patience).toContain('greeted');
    // Who waited goes on with the version before.
    await expect.poll(() => page.locator('[data-version]').count(), patience).toBe(2);
  });
});

test('a customer becomes a test person, and a customer again', async () => {
  await page.locator('.test-people summary').click();
  await page.locator('#test-user').fill(user);
  await page.keyboard.press('Enter');
  await expect.poll(() => page.locator('.test-people .said').innerText(), patience).toContain('is a test person now');
  await page.screenshot({ path: join(shots, 'test-people.png') });
  await page.locator('.test-people').getByRole('button', { name: 'Unmark' }).click();
  await expect.poll(() => page.locator('.test-people .said').innerText(), patience).toContain('like any other');
  await page.keyboard.press('Escape');
});

test('there was no trouble', () => {
  expect(seen.troubles).toEqual([]);
});
