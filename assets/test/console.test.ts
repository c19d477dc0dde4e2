// The built console in a real browser, against a real Stagecraft. It takes from the environment
//
//   STAGECRAFT_URL        where the server listens; its journey customer-lifecycle is live, and takes test customers
//   STAGECRAFT_WRITE_KEY  a write key for POST /v1/track
//   STAGECRAFT_SHOTS      a folder for the pictures (default: a new temporary one)
//   STAGECRAFT_CHROMIUM   the browser (default: /usr/bin/chromium)
//
// and changes nothing but to send two events of one new customer.
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Journey, Overview } from '../src/api';
import { launch, look, order, overview, patience, policed, readable, shots, still, url, watch, type Picture } from './browser';

const stages = ['member', 'single-purchase', 'active', 'lost'];
const user = `browser-${Date.now().toString(36)}`;
const email = `${user}@example.com`;

let browser: Browser;
let page: Page;
let before: Overview;
let seen: ReturnType<typeof watch>;

function lifecycle(all: Overview): Journey {
  const journey = all.journeys.find((one) => one.name === 'customer-lifecycle');
  if (!journey) throw new Error('the server has no journey customer-lifecycle');
  return journey;
}

function stageOf(all: Overview, name: string) {
  const stage = lifecycle(all).stages.find((one) => one.name === name);
  if (!stage) throw new Error(`the journey has no stage ${name}`);
  return stage;
}

const figure = (stage: string, name: string) => page.locator(`[data-stage="${stage}"] [data-figure="${name}"] .count`).first();
const read = async (stage: string, name: string) => Number((await figure(stage, name).innerText()).replace(/,/g, ''));
const row = (message: string) => page.locator(`tr[data-message="${message}"]`, { hasText: user });

beforeAll(async () => {
  browser = await launch();
  page = await browser.newPage({ viewport: { width: 1440, height: 900 }, colorScheme: 'light' });
  seen = watch(page);
  await policed(page);
  before = await overview();
  await page.goto(`${url}/#/journey/customer-lifecycle`);
  await page.locator('[data-stage]').first().waitFor();
});

afterAll(async () => {
  await browser?.close();
});

describe('the console', () => {
  test('is served as it should be', async () => {
    const response = await fetch(`${url}/`);
    expect(response.headers.get('content-type')).toMatch(/^text\/html/);
    expect(response.headers.get('content-security-policy')).toMatch(/default-src 'self'|default-src 'none'/);
    expect(response.headers.get('content-security-policy')).not.toMatch(/unsafe-eval|script-src[^;]*unsafe-inline/);
    const script = /src="([^"]+\.js)"/.exec(await response.text())?.[1] ?? '';
    const asset = await fetch(new URL(script, `${url}/`));
    expect(asset.status).toBe(200);
    expect(asset.headers.get('cache-control')).toMatch(/immutable/);
  });

  test('is live and says which server and channel it shows', async () => {
    await expect.poll(() => page.locator('.connection').innerText(), patience).toBe('live');
    await expect.poll(() => page.locator('header .channel').first().innerText(), patience).toMatch(/email[^]*·/);
    expect(await page.title()).toContain('Stagecraft');
    expect(await page.locator('h1').innerText()).toBe(lifecycle(before).title);
  });

  test('shows the stages side by side, in order', async () => {
    const names = await page.locator('[data-stage]').evaluateAll((all) => all.map((one) => (one as HTMLElement).dataset.stage));
    expect(names).toEqual(stages);
    const boxes = await page.locator('[data-stage]').evaluateAll((all) => all.map((one) => one.getBoundingClientRect().toJSON() as DOMRect));
    boxes.forEach((box, i) => {
      expect(box.width).toBeGreaterThan(200);
      expect(box.height).toBeGreaterThan(120);
      expect(box.left).toBeGreaterThanOrEqual(0);
      expect(box.right).toBeLessThanOrEqual(1440);
      const last = boxes[i - 1];
      if (!last) return;
      expect(box.left).toBeGreaterThan(last.right);
      expect(Math.abs(box.top - last.top)).toBeLessThan(1);
      expect(Math.abs(box.height - last.height)).toBeLessThan(1);
      expect(Math.abs(box.width - last.width)).toBeLessThan(1);
    });
    // Lines of forward moves run above the stages, those of back moves below.
    const top = boxes[0]?.top ?? 0;
    const bottom = boxes[0]?.bottom ?? 0;
    const lines = await page
      .locator('svg g .line')
      .evaluateAll((all) => all.map((one) => ({ side: one.parentElement?.classList[0], box: one.getBoundingClientRect().toJSON() as DOMRect })));
    expect(lines).toHaveLength(lifecycle(before).moves.length);
    for (const { side, box } of lines) {
      if (side === 'back') expect(box.top).toBeGreaterThanOrEqual(bottom - 1);
      else expect(box.bottom).toBeLessThanOrEqual(top + 1);
    }
  });

  test('shows a customer come in, live', async () => {
    // A reload would lose this.
    await page.evaluate(() => ((window as unknown as Record<string, unknown>).stayed = true));
    const customers = await read('single-purchase', 'customers');
    const entered = await read('single-purchase', 'entered');
    const moves = lifecycle(before).moves.find((move) => move.from === 'member' && move.to === 'single-purchase')?.count ?? 0;
    expect(customers).toBe(stageOf(before, 'single-purchase').customers);

    await order(user, `${user}-1`);

    await expect.poll(() => read('single-purchase', 'customers'), patience).toBe(customers + 1);
    await expect.poll(() => read('single-purchase', 'entered'), patience).toBe(entered + 1);
    await expect
      .poll(async () => Number((await page.locator('[data-move="member>single-purchase"] .count').innerText()).replace(/,/g, '')), patience)
      .toBe(moves + 1);
    await expect.poll(() => row('thank-you').count(), patience).toBe(1);
    await expect.poll(() => row('thank-you').locator('[data-state]').getAttribute('data-state'), patience).toBe('accepted');
    expect(await page.evaluate(() => (window as unknown as Record<string, unknown>).stayed)).toBe(true);
  });

  test('the same event again changes nothing', async () => {
    await order(user, `${user}-1`);
    const now = await overview();
    expect(stageOf(now, 'single-purchase').customers).toBe(stageOf(before, 'single-purchase').customers + 1);
    expect(await row('thank-you').count()).toBe(1);
  });

  test('opens a stage’s page by keyboard, and comes back to where it was', async () => {
    const link = page.locator('[data-stage="single-purchase"] a');
    await link.focus();
    await page.keyboard.press('Enter');
    await page.locator('.script').waitFor();
    await expect.poll(() => page.locator('h1').innerText(), patience).toBe(stageOf(before, 'single-purchase').title);
    await expect.poll(() => page.evaluate(() => document.activeElement?.tagName), patience).toBe('H1');
    const source = (await page.locator('.script .text').allInnerTexts()).join('\n');
    expect(source).toContain('send "thank-you"');
    expect(await page.locator('.script .word', { hasText: 'send' }).count()).toBeGreaterThan(0);

    // What happened at the lines, beside them and on the flow.
    await expect.poll(() => page.locator('.script [data-figure="sent"]').count(), patience).toBeGreaterThan(0);
    await expect.poll(() => page.locator('.script [data-figure="waiting"]').count(), patience).toBeGreaterThan(0);
    const nodes = await page.locator('.node').evaluateAll((all) => all.map((one) => (one as HTMLElement).dataset.kind));
    expect(nodes).toContain('enter');
    expect(nodes).toContain('send');
    expect(nodes).toContain('move');
    await expect.poll(() => page.locator('.node.wait .waiting').first().innerText(), patience).toMatch(/\d+ waiting/);
    expect(await page.locator('[data-version]').count()).toBeGreaterThan(0);
    for (const measure of ['customers', 'entered', 'left', 'converted', 'median', 'back']) {
      expect(await page.locator(`[data-measure="${measure}"]`).innerText()).not.toBe('');
    }

    // Nothing is asked for while nothing happens.
    let asked = 0;
    const count = (request: { url(): string }) => (asked += request.url().includes('/figures/') ? 1 : 0);
    page.on('request', count);
    await page.waitForTimeout(2500);
    page.off('request', count);
    expect(asked).toBeLessThanOrEqual(1);

    // Who points at a node sees its line.
    const wait = page.locator('.node[data-kind="wait"]').first();
    await wait.hover();
    await expect.poll(() => page.locator('.line.lit').getAttribute('data-line'), patience).toBe(await wait.getAttribute('data-at'));

    await page.locator('.files a', { hasText: 'journey.lua' }).click();
    await expect.poll(() => page.locator('.script').innerText(), patience).toContain('journey');
    await page.locator('.crumb a').click();
    await expect.poll(() => new URL(page.url()).hash, patience).toBe('#/journey/customer-lifecycle');
    await page.locator('[data-stage]').first().waitFor();
    expect(await page.evaluate(() => document.activeElement?.closest('[data-stage]') !== null || document.activeElement === document.body)).toBe(true);
  });

  test('opens a message with the mail and its life', async () => {
    await row('thank-you').locator('a[href^="#/message/"]').click();
    const drawer = page.locator('dialog[open]');
    await drawer.locator('.mail').waitFor();
    const mail = await drawer.locator('.mail').innerText();
    expect(mail).toContain(email);
    expect((await drawer.locator('.mail .subject').innerText()).length).toBeGreaterThan(2);
    const life = await drawer.locator('.life').innerText();
    expect(life).toMatch(/single-purchase\.lua:\d+/);
    expect(life).toMatch(/Attempt 1/);
    expect(life).toMatch(/Accepted/);
    if ((await drawer.getByRole('tab', { name: 'HTML' }).count()) > 0) {
      await drawer.getByRole('tab', { name: 'HTML' }).click();
      const frame = drawer.locator('iframe');
      await frame.waitFor();
      expect(await frame.getAttribute('sandbox')).toBe('');
      expect(await frame.getAttribute('srcdoc')).not.toMatch(/<script|\shref="(?!http[^"]*\.css")[^"]*"[^>]*>(?=[^<]*<\/a)/i);
      await page.screenshot({ path: join(shots, 'message.png') });
    }
    if ((await drawer.getByRole('tab', { name: 'Text' }).count()) > 0) {
      await drawer.getByRole('tab', { name: 'Text' }).click();
      expect((await drawer.locator('.part pre').innerText()).trim().length).toBeGreaterThan(10);
    }
    await page.keyboard.press('Escape');
    await expect.poll(() => drawer.count(), patience).toBe(0);
  });

  test('asks before it changes a mode, and takes no for an answer', async () => {
    const mode = lifecycle(await overview()).mode;
    const other = mode === 'shadow' ? 'Off' : 'Shadow';
    await page.locator('.modes button', { hasText: other }).click();
    const dialog = page.locator('dialog[open]');
    await expect.poll(() => dialog.innerText(), patience).toMatch(/Leave it/);
    await page.keyboard.press('Escape');
    await expect.poll(() => dialog.count(), patience).toBe(0);
    await page.locator('.modes button', { hasText: other }).click();
    await dialog.getByRole('button', { name: /Leave it/ }).click();
    await expect.poll(() => dialog.count(), patience).toBe(0);
    expect(lifecycle(await overview()).mode).toBe(mode);
  });

  test('shows the next move, live', async () => {
    const active = await read('active', 'customers');
    const single = await read('single-purchase', 'customers');
    await order(user, `${user}-2`);
    await expect.poll(() => read('active', 'customers'), patience).toBe(active + 1);
    await expect.poll(() => read('single-purchase', 'customers'), patience).toBe(single - 1);
  });

  test('is readable in both themes, and looks like something', async () => {
    const pictures: Record<string, Picture> = {};
    for (const theme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
      await still(page);
      await readable(page, theme);
      pictures[theme] = await look(browser, await page.screenshot({ path: join(shots, `${theme}.png`) }));
    }
    const { light, dark } = pictures as { light: Picture; dark: Picture };
    for (const picture of [light, dark]) {
      expect(picture.width).toBe(1440);
      expect(picture.colours).toBeGreaterThan(40);
      // Much of a calm page is one colour, but not all of it.
      expect(picture.commonest).toBeLessThan(0.9);
    }
    expect(light.brightness).toBeGreaterThan(0.8);
    expect(dark.brightness).toBeLessThan(0.25);
  });

  test('remembers the chosen theme', async () => {
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'no-preference' });
    const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const light = await background();
    const toggle = page.getByRole('button', { name: 'Dark theme' });
    await toggle.click();
    expect(await toggle.getAttribute('aria-pressed')).toBe('true');
    await expect.poll(background, patience).not.toBe(light);
    const dark = await background();
    await page.reload();
    await page.locator('[data-stage]').first().waitFor();
    await expect.poll(background, patience).toBe(dark);
    await page.getByRole('button', { name: 'Dark theme' }).click();
    expect(await page.evaluate(() => localStorage.getItem('stagecraft-theme'))).toBeNull();
    await expect.poll(background, patience).toBe(light);
  });

  test.each([
    [1280, 'light'],
    [1280, 'dark'],
    [390, 'light'],
    [390, 'dark'],
  ] as const)('a stage’s page is readable %d wide, %s', async (width, theme) => {
    await page.setViewportSize({ width, height: 860 });
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
    await page.goto(`${url}/#/journey/customer-lifecycle/single-purchase.lua`);
    await page.locator('.node').first().waitFor();
    await expect.poll(() => page.locator('.versions').count(), patience).toBe(1);
    await still(page);
    await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), patience).toBe(0);
    await readable(page, theme);
    await page.screenshot({ path: join(shots, `stage-${width}-${theme}.png`), fullPage: true });
    await page.goto(`${url}/#/journey/customer-lifecycle`);
    await page.locator('[data-stage]').first().waitFor();
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'no-preference' });
  });

  test.each([360, 768, 1920])('fits a window %d wide', async (width) => {
    await page.setViewportSize({ width, height: 800 });
    await still(page);
    await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), patience).toBe(0);
    const boxes = await page.locator('[data-stage]').evaluateAll((all) => all.map((one) => one.getBoundingClientRect().toJSON() as DOMRect));
    for (const [i, box] of boxes.entries()) {
      expect(box.left).toBeGreaterThanOrEqual(0);
      expect(box.right).toBeLessThanOrEqual(width);
      const last = boxes[i - 1];
      if (!last) continue;
      if (width === 360) expect(box.top).toBeGreaterThan(last.bottom);
      else expect(box.left).toBeGreaterThan(last.right);
    }
    await page.screenshot({ path: join(shots, `${width}.png`), fullPage: true });
  });

  test('changed nothing by accident, and had no trouble', async () => {
    expect(seen).toEqual({ troubles: [], changes: [] });
    const after = await overview();
    expect(after.journeys.map(({ name, mode, version }) => ({ name, mode, version }))).toEqual(
      before.journeys.map(({ name, mode, version }) => ({ name, mode, version })),
    );
    // Two moves of one customer, and nothing else that this test did not do.
    expect(stageOf(after, 'single-purchase').entered).toBe(stageOf(before, 'single-purchase').entered + 1);
    expect(stageOf(after, 'active').entered).toBe(stageOf(before, 'active').entered + 1);
  });
});
