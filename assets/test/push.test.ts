// The service worker and the subscribing of docs/push, in a real browser. There is no push service of others in a test: the
// subscription is made by hand, and the push arrives by the browser's own tools for developers, as the connector wrote it.
//
//   STAGECRAFT_SHOP           a site that serves docs/push
//   STAGECRAFT_PUSH_KEY       the public VAPID key
//   STAGECRAFT_PUSH_PAYLOAD   what the connector sends, decrypted
import { join } from 'node:path';
import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launch, patience, shots } from './browser';

const shop = process.env.STAGECRAFT_SHOP ?? '';
const key = process.env.STAGECRAFT_PUSH_KEY ?? '';
const payload = process.env.STAGECRAFT_PUSH_PAYLOAD ?? '';

interface Shown {
  title: string;
  body: string;
  tag: string;
  data: Record<string, string>;
}

describe.skipIf(!payload)('notifications', () => {
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let tools: CDPSession;
  let registration = '';

  const shown = () =>
    page.evaluate(async () => {
      const worker = await navigator.serviceWorker.ready;
      return (await worker.getNotifications()).map(({ title, body, tag, data }) => ({ title, body, tag, data }) as Shown);
    });
  const deliver = (data: string) => tools.send('ServiceWorker.deliverPushMessage', { origin: shop, registrationId: registration, data });

  beforeAll(async () => {
    browser = await launch();
    context = await browser.newContext();
    page = await context.newPage();
    tools = await context.newCDPSession(page);
    tools.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      registration = registrations.find((one) => one.scopeURL.startsWith(shop) && !one.isDeleted)?.registrationId ?? registration;
    });
    await tools.send('ServiceWorker.enable');
    // What a push service would answer; everything else is the browser's.
    await page.addInitScript(() => {
      PushManager.prototype.getSubscription = async () => null;
      PushManager.prototype.subscribe = async (options?: PushSubscriptionOptionsInit) => {
        const bytes = new Uint8Array(options?.applicationServerKey as ArrayBuffer);
        const asked = { userVisibleOnly: options?.userVisibleOnly, key: Array.from(bytes) };
        return { toJSON: () => ({ endpoint: 'https://push.example/1', keys: { p256dh: 'p', auth: 'a' }, asked }) } as unknown as PushSubscription;
      };
    });
    await page.goto(shop);
  });

  afterAll(() => browser?.close());

  const subscribe = () =>
    page.evaluate(async (publicKey) => {
      const { subscribe } = window as unknown as { subscribe: (key: string, save: (push: unknown) => void) => Promise<unknown> };
      let saved: unknown = 'nothing';
      const answer = await subscribe(publicKey, (push) => {
        saved = push;
      });
      return { answer, saved };
    }, key);

  test('who does not want it is not subscribed', async () => {
    expect(await subscribe()).toEqual({ answer: null, saved: 'nothing' });
  });

  test('who does is subscribed with the key', async () => {
    await context.grantPermissions(['notifications'], { origin: shop });
    const { answer, saved } = await subscribe();
    expect(saved).toEqual(answer);
    expect(saved).toMatchObject({
      endpoint: 'https://push.example/1',
      keys: { p256dh: 'p', auth: 'a' },
      asked: { userVisibleOnly: true, key: [...Buffer.from(key, 'base64url')] },
    });
  });

  test('what the connector sends is shown, and a repetition takes its place', async () => {
    await expect.poll(() => registration, patience).not.toBe('');
    // A push that comes while the worker is being started anew may be lost; a repetition changes nothing.
    const arrived = async () => {
      await deliver(payload);
      return shown();
    };
    await expect.poll(arrived, { ...patience, interval: 1000 }).toHaveLength(1);
    const [first] = await shown();
    expect(first).toMatchObject({ title: 'Xin chào, Ada', body: 'Three things to look at first.', data: { navigate: `${shop}/tour`, plan: 'free' } });
    await deliver(payload);
    await deliver('not JSON');
    await deliver('{}');
    await expect.poll(shown, patience).toEqual([first]);
    await page.screenshot({ path: join(shots, 'push.png') });
  });
});
