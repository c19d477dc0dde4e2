import { describe, expect, test } from 'vitest';
import type { FlowBranch, FlowNode } from '../../src/api';
import { heightOf, layoutChart, path, sizes, type Box, type Chart } from '../../src/lib/chart';

function node(kind: string, more: Partial<FlowNode> = {}): FlowNode {
  return { kind, label: '', file: '', line: 1, end_line: 1, name: '', children: [], branches: [], ...more };
}

function way(label: string, children: FlowNode[], ends = false): FlowBranch {
  return { label, line: 1, end_line: 1, ends, children };
}

const enter = (...children: FlowNode[]) => node('enter', { children });

const overlap = (a: Box, b: Box) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

function sound(chart: Chart): void {
  chart.boxes.forEach((box, i) => {
    expect(box.x).toBeGreaterThanOrEqual(0);
    expect(box.y).toBeGreaterThanOrEqual(0);
    expect(box.x + box.width).toBeLessThanOrEqual(chart.width);
    expect(box.y + box.height).toBeLessThanOrEqual(chart.height);
    for (const other of chart.boxes.slice(i + 1)) expect(overlap(box, other), `${box.node.kind} and ${other.node.kind}`).toBe(false);
  });
  for (const edge of chart.edges) {
    expect(edge.path).toMatch(/^M[\d. LQ]+$/);
  }
}

describe('layoutChart', () => {
  test('what follows stands below, on one axis', () => {
    const chart = layoutChart(enter(node('send'), node('wait'), node('send')));
    sound(chart);
    expect(chart.boxes.map((box) => box.node.kind)).toEqual(['enter', 'send', 'wait', 'send']);
    expect(new Set(chart.boxes.map((box) => box.x)).size).toBe(1);
    chart.boxes.forEach((box, i) => i > 0 && expect(box.y).toBeGreaterThan(chart.boxes[i - 1]?.y ?? 0));
    // One line between two nodes each, and one to the end.
    expect(chart.edges).toHaveLength(4);
    expect(chart.ends).toHaveLength(1);
  });

  test('a move is an end of its own', () => {
    const chart = layoutChart(enter(node('move')));
    sound(chart);
    expect(chart.ends).toEqual([]);
    expect(chart.edges).toHaveLength(1);
  });

  test('an empty handler is its head and an end', () => {
    const chart = layoutChart(enter());
    sound(chart);
    expect(chart.boxes).toHaveLength(1);
    expect(chart.ends).toHaveLength(1);
  });

  test('a way past is narrow, and comes back', () => {
    const chart = layoutChart(enter(node('branch', { branches: [way('x > 1', [node('tag')]), way('otherwise', [])] }), node('send')));
    sound(chart);
    expect(chart.width).toBeLessThan(2 * sizes.node);
    expect(chart.labels.map((label) => label.text)).toEqual(['yes', 'no']);
    expect(chart.ends).toHaveLength(1);
  });

  test('where all ways end, so does the path', () => {
    const both = node('branch', { branches: [way('a', [node('move')], true), way('otherwise', [node('return')], true)] });
    const chart = layoutChart(enter(both));
    sound(chart);
    expect(chart.ends).toEqual([]);
  });

  test('the ways of a wait say what they are', () => {
    const chart = layoutChart(enter(node('wait_for', { branches: [way('came', [node('send')]), way('time ran out', [node('send')])] })));
    expect(chart.labels.map((label) => label.text)).toEqual(['came', 'time ran out']);
  });

  test('a way that does nothing has room for what it says, and a long wait for two lines', () => {
    const { labels } = layoutChart(enter(node('wait_for', { branches: [way('it came', []), way('time ran out', [node('send')])] })));
    // A letter of the labels is 6.92 wide in the widest of their fonts, and 14 lie around them.
    expect(labels[0]?.width).toBeGreaterThanOrEqual(7 * 6.92 + 14);
    expect(heightOf(node('wait_until', { label: 'mon-fri 09:00' }))).toBe(64);
    expect(heightOf(node('wait', { label: '30 days' }))).toBe(48);
    // A pill says its word and what follows it.
    expect(heightOf(node('goal', { label: 'Order Completed' }))).toBe(48);
    expect(heightOf(node('on', { label: 'Signed Up' }))).toBe(34);
  });

  test('a loop goes back up', () => {
    const chart = layoutChart(enter(node('loop', { children: [node('send'), node('wait')] }), node('send')));
    sound(chart);
    expect(chart.edges.filter((edge) => edge.back)).toHaveLength(1);
  });

  test('whatever is nested, nothing overlaps', () => {
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 1103515245 + 12345) & 0x7fffffff;
      return seed % below;
    };
    const kinds = ['send', 'wait', 'tag', 'wait_until', 'score', 'move'];
    const grow = (depth: number): FlowNode[] =>
      Array.from({ length: random(4) }, () => {
        const what = depth > 0 ? random(10) : 9;
        if (what < 3) return node('branch', { label: 'x'.repeat(random(40)), branches: Array.from({ length: 2 + random(2) }, (_, i) => way(`way ${i}`, grow(depth - 1))) });
        if (what < 5) return node('loop', { children: [node('send'), ...grow(depth - 1)] });
        if (what < 6) return node('call', { children: grow(depth - 1) });
        return node(kinds[random(kinds.length)] ?? 'tag');
      });
    for (let round = 0; round < 300; round++) sound(layoutChart(enter(...grow(4))));
  });

  test('figures move nothing: a layout knows none', () => {
    const flow = enter(node('send'), node('wait'));
    expect(layoutChart(flow)).toEqual(layoutChart(structuredClone(flow)));
  });
});

test('a path has round corners, and sharp ones where there is no room', () => {
  expect(path([{ x: 0, y: 0 }, { x: 0, y: 20 }])).toBe('M0 0L0 20');
  expect(path([{ x: 0, y: 0 }, { x: 0, y: 20 }, { x: 30, y: 20 }])).toBe('M0 0L0 12Q0 20 8 20L30 20');
  expect(path([{ x: 0, y: 0 }, { x: 0, y: 4 }, { x: 30, y: 4 }])).toBe('M0 0L0 2Q0 4 2 4L30 4');
  expect(path([])).toBe('');
});
