// What must not mislead or get lost, in a real browser, against a real Stagecraft; see console.test.ts for what it takes. What
// the server would rarely say is put into its answers on their way. It changes nothing but that it sends events of one new
// customer.
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { launch, patience, policed, url, watch } from './browser';

let browser: Browser;
let page: Page;

beforeAll(async () => {
  browser = await launch();
  page = await browser.newPage({ viewport: { width: 1280, height: 860 }, colorScheme: 'light', reducedMotion: 'reduce' });
  await policed(page);
});

afterAll(async () => {
  await browser?.close();
});

beforeEach(async () => {
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  await page.setViewportSize({ width: 1280, height: 860 });
});

/** Answers a path with something else than the server would. */
const answer = (path: string | RegExp, body: unknown, status = 200) => page.route(path, (route) => route.fulfill({ status, json: body }));

const overhang = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

test('a journey that is not there is said to be missing, and no other one’s switches are shown', async () => {
  await page.goto(`${url}/#/journey/zzz`);
  await page.getByRole('heading', { name: 'There is no journey zzz' }).waitFor();
  expect(await page.getByRole('button', { name: 'Brake' }).count()).toBe(0);
  await page.goto(`${url}/#/figures?journey=zzz`);
  await page.getByText('There is no journey zzz').waitFor();
  expect(await page.locator('[data-tile]').count()).toBe(0);
  await page.goto(`${url}/#/journey/zzz`);
  await page.getByRole('heading', { name: 'There is no journey zzz' }).waitFor();
  await page.goto(`${url}/#/`); // no journey is named
  await page.locator('[data-stage]').first().waitFor();
});

test('an error of a script with a long name fits the window', async () => {
  const overview = (await (await fetch(`${url}/api/overview`)).json()) as Record<string, unknown>;
  const who = 'a-customer-whose-id-is-rather-long-'.repeat(6);
  const error = { ref: 'e1', at: overview.at, journey: 'customer-lifecycle', stage: 'member', file: 'customer-lifecycle/member.lua', line: 3, message: who, hint: '', user: who, replayable: true };
  await page.route('**/api/stream', (route) => route.abort());
  await answer('**/api/overview', { ...overview, errors: [error] });
  await page.goto(`${url}/?errors#/journey/customer-lifecycle`);
  await page.locator('.errors.some').waitFor();
  await expect.poll(overhang, patience).toBe(0);
});

test('numbers of a customer are shown in the digits that they were sent with', async () => {
  const user = `digits-${Date.now().toString(36)}`;
  const response = await fetch(`${url}/v1/track`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Basic ${btoa(`${process.env.STAGECRAFT_WRITE_KEY}:`)}` },
    body: `{"userId": "${user}", "event": "Weighed", "messageId": "${user}", "properties": {"weight": 12.00}, "context": {"traits": {"account": 12345678901234567890}}}`,
  });
  expect(response.status).toBe(200);
  await page.goto(`${url}/#/customers/${user}`);
  await page.locator('[data-trait="account"]').getByText('12345678901234567890', { exact: true }).waitFor();
  await page.locator('[data-lived="Weighed"]').getByText('weight 12.00').waitFor();
  await page.locator('[data-lived="Weighed"]').getByRole('button').click();
  await page.locator('[data-lived="Weighed"] pre').getByText('"weight": 12.00').first().waitFor();
});

test('what an agent has written down of a call is there when they come back, until the call is closed', async () => {
  const at = new Date().toISOString();
  const call = {
    ref: 'c1', user: 'ada', customer: '1'.repeat(32), journey: 'care', stage: 'new', name: 'ring', kind: 'transactional', number: '+442079460001',
    reason: 'Ask', text: 'Good morning.', priority: 'high', state: 'claimed', opened: at, due: at, agreed: false, agent: 'Grace', claimed: at, log: [],
  };
  await answer(/\/v1\/calls\?/, { at, calls: [call], waiting: 1, more: false, dispositions: ['reached', 'no-answer'] });
  await answer('**/v1/calls/c1', { ...call, known: null });
  await answer('**/v1/calls/c1/close', { ...call, state: 'closed' });
  await page.goto(`${url}/#/`);
  await page.evaluate(() => localStorage.setItem('stagecraft-agent', 'Grace'));
  await page.goto(`${url}/#/calls`);
  const note = page.getByRole('textbox', { name: 'Note' });
  await note.fill('asks for a blue one');
  await page.locator('label', { hasText: 'No answer' }).click();
  await page.goto(`${url}/#/customers`);
  await page.getByRole('textbox', { name: 'Find a customer' }).waitFor();
  await page.goto(`${url}/#/calls`);
  await expect.poll(() => note.inputValue(), patience).toBe('asks for a blue one');
  expect(await page.getByRole('radio', { name: 'No answer' }).isChecked()).toBe(true);
  await page.reload();
  await expect.poll(() => note.inputValue(), patience).toBe('asks for a blue one');
  await page.getByRole('button', { name: 'Close the call' }).click();
  await page.getByRole('button', { name: 'Next call' }).waitFor();
  expect(await page.evaluate(() => Object.keys(sessionStorage))).toEqual([]);
});

test('a broadcast that was written is there again after Esc', async () => {
  await page.goto(`${url}/#/broadcasts`);
  const open = () => page.getByRole('button', { name: 'New broadcast' }).click();
  await open();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Title' }).fill('Spring sale');
  await dialog.getByLabel('Body').fill('Everything is green.');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await page.goto(`${url}/#/customers`);
  await page.getByRole('textbox', { name: 'Find a customer' }).waitFor();
  await page.goto(`${url}/#/broadcasts`);
  await open();
  expect(await dialog.getByRole('textbox', { name: 'Title' }).inputValue()).toBe('Spring sale');
  expect(await dialog.getByLabel('Body').inputValue()).toBe('Everything is green.');
  await dialog.getByRole('button', { name: 'Discard' }).click();
  await open();
  expect(await dialog.getByRole('textbox', { name: 'Title' }).inputValue()).toBe('');
  await dialog.getByRole('button', { name: 'Cancel' }).click();
});

test('a segment that was changed is as it was left after a look at another one', async () => {
  const segment = (name: string) => ({ name, title: name, members: 0 });
  await answer('**/v1/segments', { segments: [segment('ab'), segment('cd')], walking: false, walked: 0 });
  for (const name of ['ab', 'cd']) await answer(`**/v1/segments/${name}`, { name, text: `-- ${name}\n` });
  await answer('**/members?*', { members: [] });
  const asked: string[] = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await page.goto(`${url}/#/segments`);
  const text = page.getByLabel('Lua');
  await page.getByRole('button', { name: 'ab', exact: true }).click();
  await expect.poll(() => text.inputValue(), patience).toBe('-- ab\n');
  await text.fill('-- mine\n');
  await page.getByRole('button', { name: 'cd', exact: true }).click();
  await expect.poll(() => text.inputValue(), patience).toBe('-- cd\n');
  await page.getByRole('button', { name: 'ab', exact: true }).click();
  await expect.poll(() => text.inputValue(), patience).toBe('-- mine\n');
  asked.length = 0;
  await page.goto(`${url}/#/broadcasts?name=cd`); // what another page is asked about is none of this one's
  await page.getByRole('heading', { name: 'cd' }).waitFor();
  expect(asked).not.toContain('/v1/segments/cd');
  await page.goto(`${url}/#/segments?name=ab`);
  await expect.poll(() => text.inputValue(), patience).toBe('-- mine\n');
  await page.getByRole('button', { name: 'Discard the changes' }).click();
  await expect.poll(() => text.inputValue(), patience).toBe('-- ab\n');
});

test('what was sent is forgotten, and an approval taken back, only after a question', async () => {
  const changes: string[] = [];
  page.on('request', (request) => request.method() !== 'GET' && changes.push(request.method()));
  const at = new Date().toISOString();
  await answer('**/api/sources', { sources: [{ name: 'shop', title: 'Shop', file: 'sources/shop.lua', secrets: [], requests: 1, events: 0, repeats: 0, refused: 1, rejects: 1 }] });
  await answer('**/api/sources/shop/rejects', { rejects: [{ id: 'r1', at, reason: 'no user' }] });
  await page.goto(`${url}/#/sources`);
  await page.getByRole('button', { name: '1 not taken' }).click();
  await page.getByRole('button', { name: 'Forget' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('lost for good').waitFor();
  await dialog.getByRole('button', { name: 'Keep it' }).click();
  const connectors = { channels: [], connectors: [{ name: 'fax', channels: ['fax'], version: '1', builtIn: false }], plugins: [{ name: 'fax', path: '/p/fax', approval: 'approved', sha256: 'ab' }] };
  const view = (await (await fetch(`${url}/api/channels`)).json()) as object;
  await answer('**/api/channels', { ...view, ...connectors });
  await page.goto(`${url}/#/channels`);
  await page.getByRole('button', { name: 'Take the approval back' }).click();
  await dialog.getByText('by fax waits').waitFor();
  await dialog.getByRole('button', { name: 'Not now' }).click();
  expect(changes).toEqual([]);
});

test('a search that fails shows nobody as found', async () => {
  await answer('**/v1/customers?newest=*', { customers: [{ id: '1'.repeat(32), name: 'Somebody Else', created: '2026-01-01T00:00:00Z', seen: '2026-01-01T00:00:00Z', stages: [] }] });
  await answer('**/v1/customers?search=*', { code: 'unavailable', detail: 'The store is busy.' }, 503);
  await page.goto(`${url}/#/customers`);
  await page.getByText('Somebody Else').waitFor();
  await page.goto(`${url}/#/customers?search=ada`);
  await page.getByText('The store is busy.').waitFor();
  expect(await page.getByText('Somebody Else').count()).toBe(0);
  expect(await page.getByText('Who has it').count()).toBe(0);
});

test('what is long does not make the page Why wide', async () => {
  const long = 'x'.repeat(3000);
  const decision = { at: '2026-01-01T00:00:00Z', cause: long, effects: [long], scripts: [{ journey: 'j', stage: 's', file: 'j/s.lua', line: 1, version: 'v', handler: long, lines: [], reads: [{ file: 'f', line: 1, what: 'p', value: long }], conditions: [], ended: 'ended' }] };
  await answer(/\/v1\/customers\/ada\/why/, { customer: '1', user: 'ada', answer: [long], journeys: [], decisions: [decision], missed: [], exact: true, notes: [] });
  await page.goto(`${url}/#/why?user=ada`);
  await page.locator('main summary').click();
  await expect.poll(overhang, patience).toBe(0);
});

test('a very long name, and values that are very long, leave a customer’s page and a call to work with', async () => {
  const at = new Date().toISOString();
  const [name, value] = ['Wolfeschlegelstein'.repeat(560), 'value'.repeat(1000)];
  const customer = { id: '1'.repeat(32), userId: 'wolfe', created: at, seen: at, identities: [{ kind: 'user', value: 'wolfe' }], traits: [{ name: 'name', value: name }, { name: 'v', value }], tags: [], consents: [], suppressions: [], stages: [], segments: [], scores: [] };
  await answer('**/v1/customers/wolfe', customer);
  await answer(/\/v1\/customers\/1+\/timeline/, { entries: [] });
  await page.goto(`${url}/#/customers/wolfe`);
  const title = page.locator('h1');
  await title.getByText('Wolfe').waitFor();
  expect((await title.boundingBox())!.height).toBeLessThan(200);
  await title.getByRole('button', { name: 'all 10,080 characters' }).click();
  await expect.poll(() => title.innerText(), patience).toContain(name);
  const call = {
    ref: 'c2', user: 'wolfe', customer: customer.id, journey: 'care', stage: 'new', name: 'ring', kind: 'transactional', number: '+442079460001',
    reason: name, text: 'Good morning.', priority: 'high', state: 'claimed', opened: at, due: at, agreed: false, agent: 'Grace', claimed: at, log: [],
  };
  await answer(/\/v1\/calls\?/, { at, calls: [call], waiting: 1, more: false, dispositions: ['reached'] });
  await answer('**/v1/calls/c2', { ...call, known: { traits: { name, a: value, b: value, c: value }, tags: [], created: at, events: [] } });
  await page.evaluate(() => localStorage.setItem('stagecraft-agent', 'Grace'));
  await page.goto(`${url}/#/calls`);
  await page.locator('dt', { hasText: /^c$/ }).waitFor();
  expect((await page.locator('article').boundingBox())!.height).toBeLessThan(1600);
  expect(await overhang()).toBe(0);
});

test('the preview of a mail fetches nothing, whatever is written in it, and shows all of it', async () => {
  const at = new Date().toISOString();
  const html = `<body onload="x()"><base href="http://elsewhere.example/"><div style="background-image:u\\72l(/api/overview?fetched)">one</div>
<style>@\\69mport "/api/overview?fetched"; p { background: url(/api/overview?fetched</style>
<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=/api/overview?fetched&gt;"></table></mtext></math><p>the end</p>`;
  const message = {
    ref: 'm1', decided: at, user: 'ada', customer: '1'.repeat(32), journey: 'care', stage: 'new', name: 'hello', channel: 'email', kind: 'marketing', state: 'accepted',
    reason: '', attempts: 1, inDoubt: 0, settled: at, file: 'care/new.lua', line: 1, version: 'v', life: [],
    rendered: { to: 'ada@example.com', subject: 'Hello', text: '', html, date: at },
  };
  await answer('**/api/messages/m1', message);
  const { troubles } = watch(page);
  const fetched: string[] = [];
  page.on('request', (request) => request.url().includes('fetched') && fetched.push(request.url()));
  await page.goto(`${url}/#/message/m1`);
  const mail = page.frameLocator('iframe');
  await mail.getByText('the end').waitFor();
  expect(await mail.locator('body').innerText()).toContain('one');
  await expect.poll(() => mail.locator('body').evaluate((body) => getComputedStyle(body).marginTop), patience).toBe('20px'); // our own sheet is there
  expect(fetched).toEqual([]);
  expect(troubles).toEqual([]);
});

test('a key that was changed is said where the console is open', async () => {
  let end = () => {};
  const ended = new Promise<void>((done) => (end = done));
  await page.route('**/api/stream', async (route) => {
    await ended;
    await route.fulfill({ status: 401 });
  });
  await page.goto(`${url}/?changed#/journey/customer-lifecycle`);
  await page.locator('[data-stage]').first().waitFor();
  await answer('**/api/overview', { code: 'unauthorized', detail: 'The key is wrong.' }, 401);
  end();
  await page.getByText('What is shown here is old: The key is wrong.').waitFor();
  await page.unroute('**/api/overview');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('What is shown here is old').waitFor({ state: 'detached' });
});

test('long names and titles without spaces fit a telephone', async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  const title = 'Sale'.repeat(50);
  await page.goto(`${url}/#/calls`);
  await page.evaluate(() => localStorage.setItem('stagecraft-agent', 'Grace'.repeat(12)));
  await page.reload();
  await page.getByText('GraceGrace').waitFor();
  await expect.poll(overhang, patience).toBe(0);
  const draft = { name: 'sale', title, status: 'draft', who: 'everybody', journey: 'broadcast.sale', audience: { everybody: true }, parts: [], figures: [], reasons: [], let: 0, listed: 0, done: 0, warnings: [], script: null };
  await answer('**/api/broadcasts/sale', draft);
  await page.goto(`${url}/#/broadcasts?name=sale`);
  await page.getByRole('button', { name: 'Start …' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('heading').waitFor();
  expect(await dialog.evaluate((box) => box.scrollWidth - box.clientWidth)).toBe(0);
});
