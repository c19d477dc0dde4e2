import { describe, expect, test } from 'vitest';
import { draw, layoutArcs, thickness, type Arc, type Frame, type Link, type Span } from '../../src/lib/arcs';

const spans = (n: number, size = 200, gap = 24): Span[] => Array.from({ length: n }, (_, i) => ({ start: i * (size + gap), size }));
const link = (from: number, to: number, count = 10, refused = 0): Link => ({ from, to, count, refused });
const find = (arcs: Arc[], from: number, to: number): Arc => {
  const arc = arcs.find((one) => one.from === from && one.to === to);
  if (!arc) throw new Error(`no arc ${from} > ${to}`);
  return arc;
};

describe('layoutArcs', () => {
  test('the customer lifecycle', () => {
    const { arcs, forward, back } = layoutArcs(spans(4), [link(0, 1), link(1, 2), link(1, 3), link(2, 3), link(3, 2)]);
    expect({ forward, back }).toEqual({ forward: 2, back: 1 });
    expect(find(arcs, 0, 1).level).toBe(0);
    expect(find(arcs, 1, 2).level).toBe(0);
    expect(find(arcs, 2, 3).level).toBe(0);
    expect(find(arcs, 1, 3).level).toBe(1);
    expect(find(arcs, 3, 2)).toMatchObject({ side: 'back', level: 0 });
    // The one that encloses leaves before and arrives behind the ones it encloses.
    expect(find(arcs, 1, 3).start).toBeLessThan(find(arcs, 1, 2).start);
    expect(find(arcs, 1, 3).end).toBeGreaterThan(find(arcs, 2, 3).end);
  });

  test('nothing to draw', () => {
    expect(layoutArcs([], [])).toEqual({ arcs: [], forward: 0, back: 0 });
    expect(layoutArcs(spans(2), [])).toEqual({ arcs: [], forward: 0, back: 0 });
    expect(layoutArcs(spans(2), [link(0, 0), link(0, 5), link(-1, 1)]).arcs).toEqual([]);
  });

  // All links between n stages, and random choices of them: what must hold for any journey.
  const journeys: [string, number, Link[]][] = [];
  let seed = 7;
  const random = () => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff;
  for (let n = 2; n <= 8; n++) {
    const all: Link[] = [];
    for (let from = 0; from < n; from++) for (let to = 0; to < n; to++) if (from !== to) all.push(link(from, to));
    journeys.push([`all moves of ${n}`, n, all]);
    for (let round = 0; round < 8; round++) journeys.push([`some moves of ${n}, ${round}`, n, all.filter(() => random() < 0.35)]);
  }

  test.each(journeys)('%s', (_, n, links) => {
    const places = spans(n, 140, 14);
    const { arcs, forward, back } = layoutArcs(places, links);
    expect(arcs).toHaveLength(links.length);
    for (const arc of arcs) {
      const low = Math.min(arc.start, arc.end);
      const high = Math.max(arc.start, arc.end);
      // It goes the way it says, from one stage's edge to the other's.
      expect(Math.sign(arc.end - arc.start)).toBe(arc.side === 'forward' ? 1 : -1);
      for (const [at, stage] of [[arc.start, arc.from], [arc.end, arc.to]] as const) {
        const place = places[stage] as Span;
        expect(at).toBeGreaterThan(place.start);
        expect(at).toBeLessThan(place.start + place.size);
      }
      expect(arc.label).toBeGreaterThan(low);
      expect(arc.label).toBeLessThan(high);
      expect(arc.level).toBeLessThan(arc.side === 'forward' ? forward : back);
    }
    for (const a of arcs) {
      for (const b of arcs) {
        if (a === b || a.side !== b.side) continue;
        const [aLow, aHigh] = [Math.min(a.start, a.end), Math.max(a.start, a.end)];
        const [bLow, bHigh] = [Math.min(b.start, b.end), Math.max(b.start, b.end)];
        // Lines on one level do not touch.
        if (a.level === b.level) expect(aHigh <= bLow || bHigh <= aLow).toBe(true);
        // No two lines share a port.
        for (const at of [aLow, aHigh]) for (const bt of [bLow, bHigh]) expect(Math.abs(at - bt)).toBeGreaterThan(3);
        // What encloses lies outside, and is not crossed by what it encloses.
        const encloses =
          Math.min(a.from, a.to) <= Math.min(b.from, b.to) && Math.max(a.from, a.to) >= Math.max(b.from, b.to);
        if (encloses) {
          expect(a.level).toBeGreaterThan(b.level);
          expect(aLow < bLow && aHigh > bHigh).toBe(true);
        }
      }
    }
  });

  test('labels keep clear of lines that pass', () => {
    const { arcs } = layoutArcs(spans(4), [link(0, 2), link(1, 3)], { label: 40 });
    const outer = find(arcs, 1, 3);
    const inner = find(arcs, 0, 2);
    expect(outer.level).toBeGreaterThan(inner.level);
    expect(Math.abs(inner.label - outer.start)).toBeGreaterThanOrEqual(39);
  });

  test('labels on narrow screens keep clear of each other', () => {
    const links = [link(0, 3), link(1, 2), link(0, 1), link(2, 3)];
    const { arcs } = layoutArcs(spans(4, 100, 14), links, { label: 15, reach: 3 });
    for (const a of arcs) for (const b of arcs) if (a !== b) expect(Math.abs(a.label - b.label)).toBeGreaterThan(15);
  });
});

test('thickness grows with the logarithm', () => {
  expect(thickness(0)).toBe(1);
  expect(thickness(-1)).toBe(1);
  expect(thickness(1)).toBe(1.5);
  expect(thickness(1000) - thickness(100)).toBeCloseTo(thickness(100) - thickness(10));
  expect(thickness(1e12)).toBe(7);
});

describe('draw', () => {
  const arcOf = (from: number, to: number): Arc => find(layoutArcs(spans(2), [link(from, to, 100)]).arcs, from, to);
  const frame: Frame = { direction: 'lying', forwardEdge: 100, backEdge: 300, first: 40, step: 30 };

  test('forward moves run above, back moves below', () => {
    const above = draw(arcOf(0, 1), frame);
    expect(above.path).toMatch(/^M100 98L/);
    expect(above.label).toEqual({ x: 212, y: 60 });
    const below = draw(arcOf(1, 0), frame);
    expect(below.label).toEqual({ x: 212, y: 340 });
    expect(below.from.y).toBe(302);
  });

  test('standing: right and left', () => {
    const standing: Frame = { ...frame, direction: 'standing', forwardEdge: 300, backEdge: 80 };
    expect(draw(arcOf(0, 1), standing).label).toEqual({ x: 340, y: 212 });
    expect(draw(arcOf(1, 0), standing).label).toEqual({ x: 40, y: 212 });
  });

  test('no number is missing, however little room there is', () => {
    const tight = draw(arcOf(0, 1), { ...frame, first: 4, step: 2 });
    expect(`${tight.path}${tight.head}`).not.toMatch(/NaN|Infinity/);
  });
});
