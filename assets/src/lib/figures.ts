// What happened at the lines of a script: which figures a line can have, and how they are said.
import type { FlowNode, LineFigures } from '../api';
import { number, share } from './format';

/** The columns beside a script, in the order in which a message passes them. */
export const columns = [
  { key: 'waiting', head: 'waiting', brief: 'wait', title: 'Runs that wait at this line now' },
  { key: 'sent', head: 'sent', brief: 'sent', title: 'Messages that left, by the next server’s word' },
  { key: 'opened', head: 'opened', brief: 'open', title: 'Messages that were opened' },
  { key: 'clicked', head: 'clicked', brief: 'click', title: 'Messages with a click' },
  { key: 'converted', head: 'converted', brief: 'conv', title: 'Visits that reached the stage’s goal after a message of this line' },
  { key: 'failed', head: 'failed', brief: 'fail', title: 'Messages that were refused for good' },
] as const;

export type Column = (typeof columns)[number];
export type Key = Column['key'];

const waits = new Set(['wait', 'wait_until', 'wait_for']);

/** Every node of a flow, with what is inside of them. */
export function every(flow: FlowNode[]): FlowNode[] {
  return flow.flatMap((node) => [node, ...every(node.children), ...node.branches.flatMap((branch) => every(branch.children))]);
}

/**
 * The columns that a file can have figures in, whether there are any yet or not: those of its waits and of its sends, and
 * those of lines that lie elsewhere but were counted. So no column comes or goes while one looks.
 */
export function columnsOf(flow: FlowNode[], lines: LineFigures[]): Column[] {
  const all = every(flow);
  const wait = all.some((node) => waits.has(node.kind)) || lines.some((line) => line.waiting > 0);
  const send = all.some((node) => node.kind === 'send' || node.kind === 'webhook') || lines.some((line) => line.sent + line.failed > 0);
  return columns.filter((column) => (column.key === 'waiting' ? wait : send));
}

export function byLine(lines: LineFigures[]): Map<number, LineFigures> {
  return new Map(lines.map((line) => [line.line, line]));
}

/** One line's figures in a sentence, for titles and for those who listen. */
export function sentence(figures: LineFigures): string {
  const parts: string[] = [];
  if (figures.waiting > 0) parts.push(`${number(figures.waiting)} wait here`);
  if (figures.sent > 0) {
    parts.push(`${number(figures.sent)} sent`);
    for (const key of ['opened', 'clicked', 'converted'] as const) {
      if (figures[key] > 0) parts.push(`${number(figures[key])} ${key} (${share(figures[key], figures.sent)})`);
    }
  }
  if (figures.failed > 0) parts.push(`${number(figures.failed)} failed`);
  if (figures.suppressed > 0) parts.push(`${number(figures.suppressed)} kept back`);
  return parts.join(', ');
}

/** A stay in words of one unit, two where that is short: "40 min", "3.5 days", "12 days", "2.3 years". */
export function stay(seconds: number | null): string {
  if (seconds === null) return '–';
  const say = (value: number, unit: string) => {
    const text = value < 9.95 ? value.toFixed(1).replace(/\.0$/, '') : String(Math.round(value));
    return `${text} ${unit}${(unit === 'day' || unit === 'year') && text !== '1' ? 's' : ''}`;
  };
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 3600) return say(seconds / 60, 'min');
  if (seconds < 86_400) return say(seconds / 3600, 'h');
  if (seconds < 2 * 365 * 86_400) return say(seconds / 86_400, 'day');
  return say(seconds / (365 * 86_400), 'year');
}
