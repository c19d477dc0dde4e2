import { describe, expect, test } from 'vitest';
import { absolute, beginning, compact, inJourney, number, parseTime, place, plural, relative, share, short, took, upright } from '../../src/lib/format';

test('numbers', () => {
  expect(number(0)).toBe('0');
  expect(number(18229)).toBe('18,229');
  expect(number(undefined)).toBe('0');
  expect(number(Number.NaN)).toBe('0');
  expect(plural(1, 'customer')).toBe('1 customer');
  expect(plural(0, 'customer')).toBe('0 customers');
  expect(plural(1200, 'customer is', 'customers are')).toBe('1,200 customers are');
});

test.each([
  [0, '0'],
  [999, '999'],
  [1015, '1,015'],
  [9999, '9,999'],
  [10_000, '10k'],
  [14580, '14.6k'],
  [99949, '99.9k'],
  [99950, '100k'],
  [999499, '999k'],
  [999500, '1M'],
  [1_250_000, '1.3M'],
  [7_000_000_000, '7B'],
])('%d in brief is %s', (value, text) => expect(compact(value)).toBe(text));

test.each([
  [0, 0, '–'],
  [0, 10, '0 %'],
  [1, 100_000, '<0.1 %'],
  [4, 1000, '0.4 %'],
  [1, 100, '1 %'],
  [8990, 23570, '38 %'],
  [99_999, 100_000, '99 %'],
  [5, 5, '100 %'],
])('%d of %d is %s', (part, whole, text) => expect(share(part, whole)).toBe(text));

describe('times', () => {
  const now = Date.parse('2026-03-01T12:00:00Z');
  const before = (seconds: number) => new Date(now - seconds * 1000).toISOString();

  test.each([
    [0, 'now'],
    [1, 'now'],
    [12, '12 s ago'],
    [60, '1 min ago'],
    [3599, '59 min ago'],
    [3600, '1 h ago'],
    [86_400, 'yesterday'],
    [12 * 86_400, '12 days ago'],
    [31 * 86_400, '29 Jan 2026'],
    [-30, 'in 30 s'],
    [-86_400, 'tomorrow'],
  ])('%d seconds before is %s', (seconds, text) => expect(relative(before(seconds), now)).toBe(text));

  test('what is no time', () => {
    for (const none of ['', null, undefined, 'soon', '0001-01-01T00:00:00Z']) {
      expect(parseTime(none)).toBeNull();
      expect(relative(none, now)).toBe('–');
      expect(absolute(none)).toBe('');
      expect(took(none, none)).toBe('');
    }
  });

  test('in full', () => {
    expect(absolute('2026-03-01T12:00:05Z', 'UTC')).toBe('Sun, 1 Mar 2026, 12:00:05 UTC');
  });

  test('how long', () => {
    const start = '2026-03-01T12:00:00Z';
    expect(took(start, '2026-03-01T12:00:00.4Z')).toBe('0.4 s');
    expect(took(start, start)).toBe('less than 0.1 s');
    expect(took(start, '2026-03-01T12:00:42Z')).toBe('42 s');
    expect(took(start, '2026-03-01T12:03:10Z')).toBe('3 min');
    expect(took(start, '2026-03-02T13:00:00Z')).toBe('1 day');
    expect(took(start, '2026-03-01T11:59:00Z')).toBe('');
  });
});

test('places', () => {
  expect(short('9f3c1ab27e04d8')).toBe('9f3c1ab2');
  expect(short(null)).toBe('');
  expect(inJourney('customer-lifecycle/lost.lua', 'customer-lifecycle')).toBe('lost.lua');
  expect(inJourney('lib/offers.lua', 'customer-lifecycle')).toBe('lib/offers.lua');
  expect(place('customer-lifecycle/lost.lua', 12, 'customer-lifecycle')).toBe('lost.lua:12');
  expect(place('lost.lua', 0)).toBe('lost.lua');
});

test('a long text is cut between characters, and what turns writing around is seen', () => {
  expect(beginning('abcd', 4)).toBe('abcd');
  expect(beginning('abcde', 4)).toBe('abc…');
  expect(beginning('ab🦊de', 4)).toBe('ab…');
  expect(upright('\u202egnp.exe\u202c \u2066محمد')).toBe('[U+202E]gnp.exe[U+202C] [U+2066]محمد');
});
