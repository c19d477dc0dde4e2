// The built console in a real browser, against a real Stagecraft. It takes from the environment
//
//   STAGECRAFT_URL        where the server listens; its journey customer-lifecycle is live, and takes test customers
//   STAGECRAFT_WRITE_KEY  a write key for POST /v1/track
//   STAGECRAFT_SHOTS      a folder for the pictures (default: a new temporary one)
//   STAGECRAFT_CHROMIUM   the browser (default: /usr/bin/chromium)
//
// and changes nothing but to send two events of one new customer.
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Journey, Overview } from '../src/api';

const url = (process.env.STAGECRAFT_URL ?? '').replace(/\/$/, '');
const writeKey = process.env.STAGECRAFT_WRITE_KEY ?? '';
const shots = process.env.STAGECRAFT_SHOTS ?? mkdtempSync(join(tmpdir(), 'stagecraft-shots-'));
const patience = { timeout: 20_000, interval: 50 };
const stages = ['member', 'single-purchase', 'active', 'lost'];
const user = `browser-${Date.now().toString(36)}`;
const email = `${user}@example.com`;

let browser: Browser;
let page: Page;
let before: Overview;
const troubles: string[] = [];
const changes: string[] = [];

async function overview(): Promise<Overview> {
  return (await (await fetch(`${url}/api/overview`)).json()) as Overview;
}

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

async function order(messageId: string): Promise<void> {
  const response = await fetch(`${url}/v1/track`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Authorization: `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}`,
    },
    body: JSON.stringify({ userId: user, event: 'Order Completed', messageId, context: { traits: { email } } }),
  });
  expect(response.status, await response.text()).toBe(200);
}

const figure = (stage: string, name: string) => page.locator(`[data-stage="${stage}"] [data-figure="${name}"] .count`).first();
const read = async (stage: string, name: string) => Number((await figure(stage, name).innerText()).replace(/,/g, ''));
const row = (message: string) => page.locator(`tr[data-message="${message}"]`, { hasText: user });

/** Notes everything that must not happen on a page. */
function watch(target: Page): void {
  target.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') troubles.push(`console ${message.type()}: ${message.text()}`);
  });
  target.on('pageerror', (error) => troubles.push(`uncaught: ${error.message}`));
  target.on('requestfailed', (request) => {
    // The stream ends when a page is left.
    if (!request.url().endsWith('/api/stream')) troubles.push(`failed: ${request.url()} ${request.failure()?.errorText}`);
  });
  target.on('request', (request) => {
    if (!['GET', 'HEAD'].includes(request.method())) changes.push(`${request.method()} ${request.url()}`);
    if (!request.url().startsWith(url) && !/^(data|about|blob):/.test(request.url())) troubles.push(`left the server: ${request.url()}`);
  });
}

beforeAll(async () => {
  if (!url || !writeKey) throw new Error('set STAGECRAFT_URL and STAGECRAFT_WRITE_KEY: this test runs against a real server');
  mkdirSync(shots, { recursive: true });
  browser = await chromium.launch({
    executablePath: process.env.STAGECRAFT_CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  page = await browser.newPage({ viewport: { width: 1440, height: 900 }, colorScheme: 'light' });
  watch(page);
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
    });
  });
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

    await order(`${user}-1`);

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
    await order(`${user}-1`);
    const now = await overview();
    expect(stageOf(now, 'single-purchase').customers).toBe(stageOf(before, 'single-purchase').customers + 1);
    expect(await row('thank-you').count()).toBe(1);
  });

  test('opens a stage with its script, by keyboard, and gives the focus back', async () => {
    const link = page.locator('[data-stage="single-purchase"] a');
    await link.focus();
    await page.keyboard.press('Enter');
    const drawer = page.locator('dialog[open]');
    await drawer.locator('.source').waitFor();
    expect(await drawer.locator('h2').innerText()).toBe(stageOf(before, 'single-purchase').title);
    const source = await drawer.locator('.source .text').allInnerTexts();
    expect(source.join('\n')).toContain('send "thank-you"');
    expect(await drawer.locator('.source .word', { hasText: 'send' }).count()).toBeGreaterThan(0);
    expect(await drawer.locator('.source .gutter').last().getAttribute('data-number')).toBe(String(source.length));
    expect(await drawer.locator('.handlers > li').count()).toBeGreaterThan(0);
    expect(await page.evaluate(() => document.activeElement?.closest('dialog') !== null)).toBe(true);
    // The focus stays in the panel.
    for (let i = 0; i < 30; i++) await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement === document.body || document.activeElement?.closest('dialog') !== null)).toBe(true);
    await page.screenshot({ path: join(shots, 'stage.png') });

    await drawer.locator('.files a', { hasText: 'journey.lua' }).click();
    await expect.poll(() => drawer.locator('.source').innerText(), patience).toContain('journey');
    await page.keyboard.press('Escape');
    await expect.poll(() => drawer.count()).toBe(0);
    await expect.poll(() => new URL(page.url()).hash).toBe('#/journey/customer-lifecycle');
    expect(await link.evaluate((element) => document.activeElement === element)).toBe(true);
  });

  test('opens a message with the mail and its life', async () => {
    await row('thank-you').locator('a').click();
    const drawer = page.locator('dialog[open]');
    await drawer.locator('.mail').waitFor();
    const mail = await drawer.locator('.mail').innerText();
    expect(mail).toContain(email);
    expect((await drawer.locator('.mail .subject').innerText()).length).toBeGreaterThan(2);
    const life = await drawer.locator('.life').innerText();
    expect(life).toMatch(/single-purchase\.lua:\d+/);
    expect(life).toMatch(/1 attempt/);
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
    await expect.poll(() => drawer.count()).toBe(0);
  });

  test('asks before it changes a mode, and takes no for an answer', async () => {
    const mode = lifecycle(await overview()).mode;
    const other = mode === 'shadow' ? 'Off' : 'Shadow';
    await page.locator('.modes button', { hasText: other }).click();
    const dialog = page.locator('dialog[open]');
    expect(await dialog.innerText()).toMatch(/Leave it/);
    await page.keyboard.press('Escape');
    await expect.poll(() => dialog.count()).toBe(0);
    await page.locator('.modes button', { hasText: other }).click();
    await dialog.getByRole('button', { name: /Leave it/ }).click();
    await expect.poll(() => dialog.count()).toBe(0);
    expect(lifecycle(await overview()).mode).toBe(mode);
  });

  test('shows the next move, live', async () => {
    const active = await read('active', 'customers');
    const single = await read('single-purchase', 'customers');
    await order(`${user}-2`);
    await expect.poll(() => read('active', 'customers'), patience).toBe(active + 1);
    await expect.poll(() => read('single-purchase', 'customers'), patience).toBe(single - 1);
  });

  test('is readable in both themes, and looks like something', async () => {
    const pictures: Record<string, Picture> = {};
    for (const theme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
      await page.waitForTimeout(700);
      for (const { what, ratio } of await contrasts(page)) expect(ratio, `contrast of ${what}, ${theme}`).toBeGreaterThanOrEqual(4.5);
      pictures[theme] = await look(await page.screenshot({ path: join(shots, `${theme}.png`) }));
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
    expect(await background()).toBe(dark);
    await page.getByRole('button', { name: 'Dark theme' }).click();
    expect(await page.evaluate(() => localStorage.getItem('stagecraft-theme'))).toBeNull();
    expect(await background()).toBe(light);
  });

  test.each([360, 768, 1920])('fits a window %d wide', async (width) => {
    await page.setViewportSize({ width, height: 800 });
    await page.waitForTimeout(400);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(0);
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
    expect(changes).toEqual([]);
    expect(troubles).toEqual([]);
    const after = await overview();
    expect(after.journeys.map(({ name, mode, version }) => ({ name, mode, version }))).toEqual(
      before.journeys.map(({ name, mode, version }) => ({ name, mode, version })),
    );
    // Two moves of one customer, and nothing else that this test did not do.
    expect(stageOf(after, 'single-purchase').entered).toBe(stageOf(before, 'single-purchase').entered + 1);
    expect(stageOf(after, 'active').entered).toBe(stageOf(before, 'active').entered + 1);
  });
});

/** The contrast of the page's main texts to what lies behind them, by WCAG 2.2. */
function contrasts(target: Page): Promise<{ what: string; ratio: number }[]> {
  return target.evaluate(() => {
    const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    if (!context) throw new Error('no canvas');
    // Whatever way a colour is written, a canvas knows its numbers.
    const rgba = (colour: string): [number, number, number, number] => {
      context.clearRect(0, 0, 1, 1);
      context.fillStyle = colour;
      context.fillRect(0, 0, 1, 1);
      const [r = 0, g = 0, b = 0, a = 0] = context.getImageData(0, 0, 1, 1).data;
      return [r, g, b, a / 255];
    };
    const behind = (element: Element): [number, number, number] => {
      const layers: [number, number, number, number][] = [];
      for (let at: Element | null = element; at; at = at.parentElement) {
        const layer = rgba(getComputedStyle(at).backgroundColor);
        if (layer[3] > 0) layers.push(layer);
        if (layer[3] === 1) break;
      }
      return layers.reduceRight<[number, number, number]>(
        (under, [r, g, b, a]) => [r * a + under[0] * (1 - a), g * a + under[1] * (1 - a), b * a + under[2] * (1 - a)],
        [255, 255, 255],
      );
    };
    const luminance = (colour: number[]) => {
      const [r = 0, g = 0, b = 0] = colour.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const seen = 'h1,h2,.now,.facts,[data-stage] dt,[data-stage] dd,.share span,.goal span,.labels li,.modes button,.chip,td,th,.section-title,.note,.version,.place,.none,.what,.hint,.where a,.legend span';
    return [...document.querySelectorAll(seen)]
      .filter((element) => element.getClientRects().length > 0 && (element.textContent ?? '').trim() !== '')
      .map((element) => {
        const text = luminance(rgba(getComputedStyle(element).color));
        const ground = luminance(behind(element));
        const [light, dark] = text > ground ? [text, ground] : [ground, text];
        return { what: `${element.tagName} "${(element.textContent ?? '').trim().slice(0, 30)}"`, ratio: (light + 0.05) / (dark + 0.05) };
      });
  });
}

interface Picture {
  width: number;
  height: number;
  colours: number;
  /** The share of the commonest colour. */
  commonest: number;
  /** 0 to 1, on average. */
  brightness: number;
}

/** What is on a picture, in numbers. A blank page of the same browser decodes it. */
async function look(png: Buffer): Promise<Picture> {
  const blank = await browser.newPage();
  try {
    return await blank.evaluate(async (data) => {
      const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
      const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
      const context = new OffscreenCanvas(image.width, image.height).getContext('2d');
      if (!context) throw new Error('no canvas');
      context.drawImage(image, 0, 0);
      const pixels = new Uint32Array(context.getImageData(0, 0, image.width, image.height).data.buffer);
      const counts = new Map<number, number>();
      let brightness = 0;
      for (const pixel of pixels) {
        counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
        brightness += ((pixel & 255) + ((pixel >> 8) & 255) + ((pixel >> 16) & 255)) / 765;
      }
      return {
        width: image.width,
        height: image.height,
        colours: counts.size,
        commonest: Math.max(...counts.values()) / pixels.length,
        brightness: brightness / pixels.length,
      };
    }, png.toString('base64'));
  } finally {
    await blank.close();
  }
}
