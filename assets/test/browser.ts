// What the browser tests share: the server they talk to, the browser, and how a page is looked at.
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { expect } from 'vitest';
import type { Overview } from '../src/api';

export const url = (process.env.STAGECRAFT_URL ?? '').replace(/\/$/, '');
export const shots = process.env.STAGECRAFT_SHOTS ?? mkdtempSync(join(tmpdir(), 'stagecraft-shots-'));
/** How long a busy machine may take for anything. It costs nothing when all is well. */
export const patience = { timeout: 90_000, interval: 50 };

const writeKey = process.env.STAGECRAFT_WRITE_KEY ?? '';

export async function launch(): Promise<Browser> {
  if (!url || !writeKey) throw new Error('set STAGECRAFT_URL and STAGECRAFT_WRITE_KEY: this test runs against a real server');
  mkdirSync(shots, { recursive: true });
  return chromium.launch({
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
}

export async function overview(): Promise<Overview> {
  return (await (await fetch(`${url}/api/overview`)).json()) as Overview;
}

/** One order of a customer. The same message ID again is the same order. */
export async function order(user: string, messageId: string): Promise<void> {
  const response = await fetch(`${url}/v1/track`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Authorization: `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}`,
    },
    body: JSON.stringify({ userId: user, event: 'Order Completed', messageId, context: { traits: { email: `${user}@example.com` } } }),
  });
  expect(response.status, await response.text()).toBe(200);
}

/** Notes what must not happen on a page, and every change that it asks for. */
export function watch(page: Page): { troubles: string[]; changes: string[] } {
  const troubles: string[] = [];
  const changes: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') troubles.push(`console ${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => troubles.push(`uncaught: ${error.message}`));
  page.on('requestfailed', (request) => {
    // The stream ends when a page is left, and a question that was overtaken is dropped.
    if (request.failure()?.errorText !== 'net::ERR_ABORTED') troubles.push(`failed: ${request.url()} ${request.failure()?.errorText}`);
  });
  page.on('request', (request) => {
    if (!['GET', 'HEAD'].includes(request.method())) changes.push(`${request.method()} ${new URL(request.url()).pathname}`);
    if (!request.url().startsWith(url) && !/^(data|about|blob):/.test(request.url())) troubles.push(`left the server: ${request.url()}`);
  });
  return { troubles, changes };
}

/** Waits until whatever moves on the page has come to its end, and has been painted. What moves for ever is left alone, and what is still not over after a few seconds. */
export async function still(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const moving = document.getAnimations().filter((one) => Number.isFinite(one.effect?.getComputedTiming().endTime));
    await Promise.race([Promise.allSettled(moving.map((one) => one.finished)), new Promise((over) => setTimeout(over, 3000))]);
    for (let frames = 0; frames < 2; frames++) await new Promise((painted) => requestAnimationFrame(painted));
  });
}

/** Prepares a page: what its policy forbids is told on its console, and it is waited for as long as a busy machine takes. */
export async function policed(page: Page): Promise<void> {
  page.setDefaultTimeout(patience.timeout);
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
    });
  });
}

/** The contrast of the page's main texts to what lies behind them, by WCAG 2.2. */
export function contrasts(target: Page): Promise<{ what: string; ratio: number }[]> {
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
    const seen = 'h1,h2,h3,dt,dd,.brake,.say,.verb,.node .figures span,.cell:not(:empty),.waiting,.text span,.files a,.button,.status span,.tabs button,.problems .what,.now,.facts,[data-stage] dt,[data-stage] dd,.share span,.goal span,.labels li,.modes button,.chip,td,th,.section-title,.note,.version,.place,.none,.what,.hint,.where a,.legend span';
    return [...document.querySelectorAll(seen)]
      .filter((element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && (element.textContent ?? '').trim() !== '')
      .map((element) => {
        const text = luminance(rgba(getComputedStyle(element).color));
        const ground = luminance(behind(element));
        const [light, dark] = text > ground ? [text, ground] : [ground, text];
        return { what: `${element.tagName} "${(element.textContent ?? '').trim().slice(0, 30)}"`, ratio: (light + 0.05) / (dark + 0.05) };
      });
  });
}

/** Waits until every main text of the page has the contrast that WCAG 2.2 asks for, as colours may still be on their way. */
export async function readable(page: Page, where: string): Promise<void> {
  const poor = async () => (await contrasts(page)).filter(({ ratio }) => ratio < 4.5);
  await expect.poll(poor, { ...patience, message: `texts without contrast, ${where}` }).toEqual([]);
}

export interface Picture {
  width: number;
  height: number;
  colours: number;
  /** The share of the commonest colour. */
  commonest: number;
  /** 0 to 1, on average. */
  brightness: number;
}

/** What is on a picture, in numbers. A blank page of the same browser decodes it. */
export async function look(browser: Browser, png: Buffer): Promise<Picture> {
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
