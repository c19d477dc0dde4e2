import { describe, expect, test } from 'vitest';
import { barsOf, liftOf, onScale, reportPath, shiftDay, spanQuery, timeScale, timeTicks, unitOf, type Report, type StageReport, type Stays } from '../../src/lib/report';

const none: Stays = { count: 0, p10: 0, p25: 0, p50: 0, p75: 0, p90: 0, p99: 0 };

function stage(more: Partial<StageReport>): StageReport {
  return {
    name: 'a', title: 'A', phase: '', goal: '', retired: false, customers: 0, entered: 0, left: 0, forward: 0, back: 0, exited: 0,
    refused: 0, converted: 0, holdout: 0, heldEntered: 0, heldConverted: 0, stayed: none, ...more,
  };
}

function report(days: [string, number][], more: Partial<Report> = {}): Report {
  return {
    journey: 'j', title: 'J', version: 'v', at: '', from: '', to: '', today: '2026-03-10', customers: 0, entered: 0, exited: 0,
    stages: [stage({})], moves: [],
    days: days.map(([day, n]) => ({ day, entered: [n], left: [0], back: [0], exited: [0], converted: [0], refused: [0], net: [n] })), ...more,
  };
}

describe('days', () => {
  test('are counted over the ends of months and years', () => {
    expect(shiftDay('2026-03-01', -1)).toBe('2026-02-28');
    expect(shiftDay('2025-12-31', 1)).toBe('2026-01-01');
    expect(spanQuery(30, '2026-03-10')).toBe('?from=2026-02-09&to=2026-03-10');
    expect(spanQuery(0, '2026-03-10')).toBe('');
    expect(reportPath('a/b', '.csv', '?x=1')).toBe('/v1/journeys/a%2Fb/figures.csv?x=1');
  });

  test('become bars without gaps, none lost', () => {
    const { unit, bars } = barsOf(report([['2026-03-01', 2], ['2026-03-09', 3]], { from: '2026-02-25', to: '2026-03-10' }));
    expect(unit).toBe('day');
    expect(bars).toHaveLength(14);
    expect(bars.map((one) => one.entered[0])).toEqual([0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0]);
  });

  test('become weeks from Monday on, and months', () => {
    const year = barsOf(report([['2025-03-13', 1], ['2026-03-10', 5], ['2026-03-09', 1]], { from: '2025-03-12', to: '2026-03-10' }));
    expect(year.unit).toBe('week');
    expect(year.bars.every((one) => new Date(one.from).getUTCDay() === 1)).toBe(true);
    expect(year.bars.at(-1)?.entered).toEqual([6]);
    expect(year.bars.reduce((sum, one) => sum + (one.entered[0] ?? 0), 0)).toBe(7);
    const long = barsOf(report([['2022-01-31', 1], ['2025-03-31', 1]]));
    expect(long.unit).toBe('month');
    expect(long.bars[0]?.from).toBe('2022-01-01');
    expect(long.bars.at(-1)?.from).toBe('2026-03-01');
    expect(long.bars).toHaveLength(51);
  });

  test('of thirty years ago are shown, year by year', () => {
    const { unit, bars, leftOut } = barsOf(report([['1997-01-01', 3], ['1998-06-30', 2], ['2026-03-01', 4]]));
    expect(unit).toBe('year');
    expect(bars.map((one) => one.title)).toEqual(Array.from({ length: 30 }, (_, i) => String(1997 + i)));
    expect([bars[0]?.entered, bars[1]?.entered, bars[29]?.entered]).toEqual([[3], [2], [4]]);
    expect(leftOut).toBe(0);
  });

  test('of history alone end with it', () => {
    const { unit, bars } = barsOf(report([['1997-01-01', 3], ['1998-06-30', 2]]));
    expect(unit).toBe('week');
    expect(bars.at(-1)?.entered).toEqual([2]);
    expect(barsOf(report([['1997-01-01', 3], ['1998-06-30', 2]], { to: '2026-03-10' })).bars.at(-1)?.title).toBe('2026');
  });

  test('of a clock that went wrong do not press the rest against the edge', () => {
    const { bars, leftOut } = barsOf(report([['0001-01-01', 1], ['1970-01-01', 1], ['2026-03-01', 4]]));
    expect(bars).toHaveLength(14);
    expect(leftOut).toBe(2);
    expect(unitOf('2026-01-01', '2026-01-01')).toBe('day');
  });
});

test('times stand on a scale of factors', () => {
  const day = { ...none, count: 3, p10: 3600, p99: 86_400 * 30 };
  const scale = timeScale([none, day]);
  expect(onScale(0, scale)).toBe(0);
  expect(onScale(3600, scale)).toBeGreaterThan(0);
  expect(onScale(86_400 * 30, scale)).toBeLessThan(1);
  const ticks = timeTicks(scale.low, scale.high);
  expect(ticks.map((one) => one.text)).toContain('1 day');
  expect(ticks.length).toBeLessThanOrEqual(7);
  // However long it reaches, no two names of ticks lie upon each other.
  for (const high of [3600, 86_400 * 400, 86_400 * 11_000, 86_400 * 40_000]) {
    const long = timeScale([{ ...day, p10: 86_400 / 2, p99: high }, { ...day, p99: high }]);
    const places = timeTicks(long.low, long.high).map((one) => onScale(one.at, long));
    places.slice(1).forEach((place, i) => expect(place - (places[i] ?? 0)).toBeGreaterThan(0.15));
  }
  expect(timeScale([])).toEqual({ low: 1, high: 86_400 });
});

test('a lift says how sure it is', () => {
  expect(liftOf(stage({ entered: 10 }))).toBeNull();
  const few = liftOf(stage({ entered: 20, converted: 11, heldEntered: 10, heldConverted: 4 }));
  expect(few?.verdict).toBe('open');
  const many = liftOf(stage({ entered: 20_000, converted: 11_000, heldEntered: 10_000, heldConverted: 4_000 }));
  expect(many?.verdict).toBe('better');
  expect(many?.points).toBeCloseTo(30);
  expect(many?.margin).toBeLessThan(2);
  expect(liftOf(stage({ entered: 20_000, converted: 9_000, heldEntered: 10_000, heldConverted: 6_000 }))?.verdict).toBe('worse');
});
