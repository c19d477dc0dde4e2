// A journey in figures, as the server reports it, and what the page makes of it. Pure but for the request.
import { call } from '../api';

/** GET /v1/journeys/NAME/figures */
export interface Report {
  journey: string;
  title: string;
  version: string;
  at: string;
  /** The days that were asked for, or empty: all time. */
  from: string;
  to: string;
  today: string;
  customers: number;
  /** Came into the journey, and left it. */
  entered: number;
  exited: number;
  stages: StageReport[];
  moves: MoveReport[];
  /** Those on which something happened, in order. */
  days: DayReport[];
}

export interface StageReport {
  name: string;
  title: string;
  phase: string;
  goal: string;
  /** The version that runs has it no longer. */
  retired: boolean;
  /** Now, whatever the days. */
  customers: number;
  entered: number;
  /** Of left: to a later stage, to an earlier one, or out of the journey. */
  left: number;
  forward: number;
  back: number;
  exited: number;
  refused: number;
  converted: number;
  holdout: number;
  heldEntered: number;
  heldConverted: number;
  stayed: Stays;
}

/** What happened between two stages; an empty one is outside of the journey. */
export interface MoveReport {
  from: string;
  to: string;
  direction: 'forward' | 'back' | 'in' | 'out';
  count: number;
  placed: number;
  refused: number;
  stayed: Stays;
}

/** Seconds; each is right within 2 %. */
export interface Stays {
  count: number;
  p10: number;
  p25: number;
  p50: number;
  p75: number;
  p90: number;
  p99: number;
}

/** The lists are in the order of the stages. */
export interface DayReport {
  day: string;
  entered: number[];
  left: number[];
  back: number[];
  exited: number[];
  converted: number[];
  refused: number[];
  net: number[];
}

/** The times that the page can look at, in days; 0 is all time. */
export const spans = [
  { days: 30, title: '30 days' },
  { days: 90, title: '90 days' },
  { days: 365, title: 'Year' },
  { days: 0, title: 'All time' },
] as const;

const dayLength = 86_400_000;

export function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

export function shiftDay(day: string, by: number): string {
  return dayOf(Date.parse(day) + by * dayLength);
}

/** The query for the last so many days, today among them. */
export function spanQuery(days: number, today: string): string {
  return days > 0 ? `?from=${shiftDay(today, 1 - days)}&to=${today}` : '';
}

export function reportPath(journey: string, table: '' | '.csv', query: string): string {
  return `/v1/journeys/${encodeURIComponent(journey)}/figures${table}${query}`;
}

export function getReport(journey: string, query: string, signal?: AbortSignal): Promise<Report> {
  return call('GET', reportPath(journey, '', query), undefined, signal);
}

/** One bar of the chart: a day, a week from Monday on, a month, or a year. */
export interface Bar {
  from: string;
  to: string;
  title: string;
  entered: number[];
  left: number[];
  back: number[];
  converted: number[];
}

export type Unit = 'day' | 'week' | 'month' | 'year';

/** The most bars that can be told apart. */
const mostBars = 93;

/** The smallest unit in which the time fits the chart. */
export function unitOf(from: string, to: string): Unit {
  const days = (Date.parse(to) - Date.parse(from)) / dayLength + 1;
  return days <= mostBars ? 'day' : days <= mostBars * 7 ? 'week' : days <= 20 * 366 ? 'month' : 'year';
}

function begin(day: string, unit: Unit): string {
  if (unit === 'year') return `${day.slice(0, 5)}01-01`;
  if (unit === 'month') return `${day.slice(0, 8)}01`;
  if (unit === 'week') return shiftDay(day, -((new Date(day).getUTCDay() + 6) % 7));
  return day;
}

function next(day: string, unit: Unit): string {
  if (unit === 'year') return begin(shiftDay(day, 366), 'year');
  if (unit === 'month') return begin(shiftDay(day, 31), 'month');
  return shiftDay(day, unit === 'week' ? 7 : 1);
}

const written = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });
const writtenYear = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });
const writtenMonth = new Intl.DateTimeFormat('en-GB', { month: 'short', year: 'numeric', timeZone: 'UTC' });

/** "3 Mar", "Mar 2026", "2026" */
export function sayDay(day: string, unit: Unit = 'day'): string {
  if (unit === 'year') return day.slice(0, 4);
  return (unit === 'month' ? writtenMonth : written).format(Date.parse(day));
}

/** "3 Mar 2026" */
export function sayDate(day: string): string {
  return writtenYear.format(Date.parse(day));
}

/** All time begins here at the earliest: who tells a time before it has a clock that was never set. */
const earliest = '1970-01-02';

/**
 * The bars of a report, without gaps. All time begins with the first day on which something happened and ends today, or
 * with the last such day where that is more than a year ago: what is history only would leave the rest empty. Days of clocks
 * that were never set would press everything else against the edge: they are left out, and counted.
 */
export function barsOf(report: Report): { unit: Unit; bars: Bar[]; leftOut: number } {
  const latest = report.days.findLast((one) => one.day <= report.today)?.day ?? report.today;
  const to = report.to || (latest < shiftDay(report.today, -366) ? latest : report.today);
  const first = report.days.find((one) => one.day >= earliest)?.day ?? to;
  const from = report.from || (first < shiftDay(to, -13) ? first : shiftDay(to, -13));
  const unit = unitOf(from, to);
  const zeros = () => report.stages.map(() => 0);
  const bars: Bar[] = [];
  const places = new Map<string, Bar>();
  for (let day = begin(from, unit); day <= to; day = next(day, unit)) {
    const last = shiftDay(next(day, unit), -1);
    const title = unit === 'day' ? sayDate(day) : unit !== 'week' ? sayDay(day, unit) : `${sayDay(day)} – ${sayDate(last)}`;
    const bar = { from: day, to: last, title, entered: zeros(), left: zeros(), back: zeros(), converted: zeros() };
    bars.push(bar);
    places.set(day, bar);
  }
  let leftOut = 0;
  for (const day of report.days) {
    const bar = places.get(begin(day.day, unit));
    if (!bar) {
      leftOut++;
      continue;
    }
    for (const key of ['entered', 'left', 'back', 'converted'] as const) {
      day[key].forEach((n, i) => (bar[key][i] = (bar[key][i] ?? 0) + n));
    }
  }
  return { unit, bars, leftOut };
}

/** The share of an axis that the name of a tick takes. */
const tickRoom = 0.18;

/** Round times between two, for an axis whose steps are factors. */
export function timeTicks(low: number, high: number): { at: number; text: string }[] {
  const marks = [
    [1, '1 s'],
    [10, '10 s'],
    [60, '1 min'],
    [600, '10 min'],
    [3600, '1 h'],
    [6 * 3600, '6 h'],
    [86_400, '1 day'],
    [7 * 86_400, '1 week'],
    [30 * 86_400, '30 days'],
    [180 * 86_400, '180 days'],
    [365 * 86_400, '1 year'],
    [5 * 365 * 86_400, '5 years'],
    [20 * 365 * 86_400, '20 years'],
    [100 * 365 * 86_400, '100 years'],
  ] as const;
  const ticks: { at: number; text: string }[] = [];
  let last = Number.NEGATIVE_INFINITY;
  for (const [at, text] of marks) {
    const place = onScale(at, { low, high });
    // Not closer than can be read.
    if (at < low || at > high || place - last < tickRoom) continue;
    ticks.push({ at, text });
    last = place;
  }
  return ticks;
}

/** From where to where an axis goes that all times fit on; a second is the least. */
export function timeScale(all: Stays[]): { low: number; high: number } {
  const some = all.filter((one) => one.count > 0);
  if (some.length === 0) return { low: 1, high: 86_400 };
  const low = Math.max(1, Math.min(...some.map((one) => one.p10)) / 1.5);
  const high = Math.max(...some.map((one) => one.p99)) * 1.5;
  return { low, high: Math.max(high, low * 60) };
}

/** Where a time stands on that axis, 0 to 1. */
export function onScale(seconds: number, { low, high }: { low: number; high: number }): number {
  if (seconds <= low) return 0;
  return Math.min(1, Math.log(seconds / low) / Math.log(high / low));
}

export interface Lift {
  /** The rates with messages and without, 0 to 1. */
  all: number;
  held: number;
  /** Their difference in points of percent, and how far it may be off (95 %). */
  points: number;
  margin: number;
  /** What can be said of it. */
  verdict: 'better' | 'worse' | 'open';
}

/**
 * What the messages made of a stage: those who got them beside those who were held out. The margin is that of a difference of
 * two proportions, with one success and one failure added to each group (Agresti and Caffo 2000), which holds for small ones too.
 */
export function liftOf(stage: StageReport): Lift | null {
  const n = stage.entered - stage.heldEntered;
  const x = stage.converted - stage.heldConverted;
  if (n < 1 || stage.heldEntered < 1) return null;
  const rate = (successes: number, of: number) => Math.min(1, Math.max(0, successes / of));
  const [p, q] = [rate(x + 1, n + 2), rate(stage.heldConverted + 1, stage.heldEntered + 2)];
  const margin = 196 * Math.sqrt((p * (1 - p)) / (n + 2) + (q * (1 - q)) / (stage.heldEntered + 2));
  const centre = (p - q) * 100;
  const [all, held] = [rate(x, n), rate(stage.heldConverted, stage.heldEntered)];
  return { all, held, points: (all - held) * 100, margin, verdict: centre > margin ? 'better' : centre < -margin ? 'worse' : 'open' };
}
