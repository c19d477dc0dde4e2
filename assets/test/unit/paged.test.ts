import { expect, test, vi } from 'vitest';
import { Paged, type Page } from '../../src/lib/paged.svelte';

vi.stubGlobal('document', { hidden: false });

/** A list whose pages are answered by hand. */
function byHand() {
  const asked: { cursor: string; signal: AbortSignal; answer: (page: Page<string>) => void; fail: (why: Error) => void }[] = [];
  const list = new Paged<string>((cursor, signal) => new Promise((answer, fail) => asked.push({ cursor, signal, answer, fail })));
  const settle = () => new Promise((done) => setTimeout(done));
  return { list, asked, settle };
}

const page = (entries: string[], next = ''): Page<string> => ({ entries, next, looked: entries.length, back: null });

test('a page follows the other, and a click counts although the first page is being read again', async () => {
  const { list, asked, settle } = byHand();
  list.first();
  asked[0]!.answer(page(['a', 'b'], 'two'));
  await settle();
  list.follow();
  list.more();
  expect(asked.map((one) => one.cursor)).toEqual(['', '', 'two']);
  expect(asked[1]!.signal.aborted).toBe(true);
  expect(list.busy).toBe(true);
  asked[1]!.answer(page(['late']));
  asked[2]!.answer(page(['c']));
  await settle();
  expect([list.entries, list.next, list.looked, list.busy]).toEqual([['a', 'b', 'c'], '', 3, false]);
  list.follow(); // more than the first page is shown
  expect(asked).toHaveLength(3);
});

test('what happens while the first page is read is read once more', async () => {
  const { list, asked, settle } = byHand();
  list.first();
  list.follow();
  list.follow();
  expect(asked).toHaveLength(1);
  asked[0]!.answer(page(['a']));
  await settle();
  expect(asked).toHaveLength(2);
  asked[1]!.answer(page(['b', 'a']));
  await settle();
  expect([list.entries, asked.length]).toEqual([['b', 'a'], 2]);
});

test('a list that could not be begun anew is tried again, however much of the old one was shown', async () => {
  const { list, asked, settle } = byHand();
  list.first();
  asked[0]!.answer(page(['a'], 'two'));
  await settle();
  list.more();
  asked[1]!.answer(page(['b'], 'three'));
  await settle();
  list.first();
  asked[2]!.fail(new Error('no answer'));
  await settle();
  expect([list.entries, list.next, list.problem]).toEqual([['a', 'b'], '', 'no answer']);
  list.follow();
  asked[3]!.answer(page(['c']));
  await settle();
  expect([list.entries, list.problem]).toEqual([['c'], '']);
});

test('nothing of what was asked for before is shown, or read, once a list was cleared and begun anew', async () => {
  const { list, asked, settle } = byHand();
  list.first();
  asked[0]!.answer(page(['a'], 'two'));
  await settle();
  list.follow();
  list.follow();
  list.clear();
  list.first();
  asked[1]!.answer(page(['late']));
  await settle();
  expect([list.entries, list.next]).toEqual([null, '']);
  asked[2]!.answer(page(['b']));
  await settle();
  expect([list.entries, asked.length]).toEqual([['b'], 3]);
});

test('a list that is watched is read once, then every so often, until that ends', async () => {
  vi.useFakeTimers();
  try {
    const { list, asked } = byHand();
    const end = list.watch(2000);
    asked[0]!.answer(page(['a']));
    await vi.advanceTimersByTimeAsync(1999);
    expect(asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(asked).toHaveLength(2);
    end();
    expect(asked[1]!.signal.aborted).toBe(true);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(asked).toHaveLength(2);
  } finally {
    vi.useRealTimers();
  }
});
