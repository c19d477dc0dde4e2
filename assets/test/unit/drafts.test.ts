import { expect, test } from 'vitest';
import { BroadcastDraft, broadcastForms } from '../../src/lib/broadcastDraft.svelte';
import { mailFile, type Broadcast } from '../../src/lib/broadcasts';
import { BulkDraft } from '../../src/lib/bulkDraft.svelte';
import type { Bulk } from '../../src/lib/moves';
import { unsaved } from '../../src/lib/unsaved';

const sale = { name: 'sale', title: 'Sale', audience: { everybody: true }, rate: 5, parts: [{ share: 100, texts: { email: mailFile('Hi', 'marketing', 'Hello') } }] } as unknown as Broadcast;
const tidy = { name: 'tidy', title: 'Tidy', act: 'move', journey: 'shop', to: 'lost', audience: { everybody: true }, rate: 5 } as unknown as Bulk;

test('a form knows when somebody has saved something else since it began', () => {
  const draft = new BroadcastDraft(sale);
  expect(draft.behind(sale)).toBe(false);
  expect(draft.behind(null)).toBe(false);
  draft.title = 'Spring sale';
  expect(draft.behind({ ...sale, listed: 7 })).toBe(false);
  expect(draft.behind({ ...sale, audience: { journey: 'shop' } })).toBe(true);
  const bulk = new BulkDraft(tidy, 'shop');
  bulk.rate = 9;
  expect([bulk.behind(tidy), bulk.behind({ ...tidy, why: 'spring' })]).toEqual([false, true]);
});

test('what was typed about a draft that is none any more keeps nobody on the page', () => {
  broadcastForms.of('sale', () => new BroadcastDraft(sale)).title = 'Spring sale';
  expect(unsaved()).toBe(true);
  broadcastForms.drop('sale');
  expect(unsaved()).toBe(false);
});
