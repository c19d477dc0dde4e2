// Where the lines between stages run. Pure geometry, in one abstract picture: stages stand one after the other along
// an axis ("along"); forward moves run on one side of them, back moves on the other, each line at a distance from the
// stages ("across") that is given by its level. The view turns this into x and y, lying or standing.
//
// A line leaves its stage at a port, runs straight out to its level, along it, and straight back in. Ports are ordered
// and levels are chosen so that lines which lie within each other never cross, and lines which overlap never share a
// level.

export interface Span {
  start: number;
  size: number;
}

export interface Link {
  from: number;
  to: number;
  count: number;
  refused: number;
}

export interface Arc extends Link {
  side: 'forward' | 'back';
  /** 0 is the level next to the stages. */
  level: number;
  /** Where it leaves and arrives, along the axis. */
  start: number;
  end: number;
  /** Where its label stands, along the axis. */
  label: number;
  /** The line's thickness in pixels. */
  thickness: number;
}

export interface Layout {
  arcs: Arc[];
  /** How many levels each side needs. */
  forward: number;
  back: number;
}

export interface Options {
  /** How far apart two ports of one stage are at most. */
  port?: number;
  /** Half of what a label takes along the axis. */
  label?: number;
  /** Over how many further levels a label reaches; there it must not meet another. */
  reach?: number;
}

/** Thickness by the logarithm of the count: 1 px for none, about 6 px for a million, never more than 7. */
export function thickness(count: number): number {
  if (!(count > 0)) return 1;
  return Math.min(7, 1.5 + Math.log10(count) * 0.8);
}

/** Lays out all links between the stages at these places. Links to themselves or to nowhere are left out. */
export function layoutArcs(spans: Span[], links: Link[], options: Options = {}): Layout {
  const valid = links.filter((l) => l.from !== l.to && spans[l.from] !== undefined && spans[l.to] !== undefined);
  const forward = side(spans, valid.filter((l) => l.to > l.from), 'forward', options);
  const back = side(spans, valid.filter((l) => l.to < l.from), 'back', options);
  return { arcs: [...forward.arcs, ...back.arcs], forward: forward.levels, back: back.levels };
}

const low = (l: Link) => Math.min(l.from, l.to);
const high = (l: Link) => Math.max(l.from, l.to);

function side(spans: Span[], links: Link[], name: 'forward' | 'back', options: Options) {
  // Short lines first: what lies within a line has its level before it.
  const sorted = [...links].sort((a, b) => high(a) - low(a) - (high(b) - low(b)) || low(a) - low(b) || a.from - b.from);
  const levels = new Map<Link, number>();
  for (const link of sorted) {
    const taken = new Set<number>();
    for (const [other, level] of levels) {
      if (low(other) < high(link) && low(link) < high(other)) taken.add(level);
    }
    let level = 0;
    while (taken.has(level)) level++;
    // What encloses must lie outside of what it encloses.
    for (const [other, inner] of levels) {
      if (low(link) <= low(other) && high(other) <= high(link)) level = Math.max(level, inner + 1);
    }
    while (taken.has(level)) level++;
    levels.set(link, level);
  }

  const ends = ports(spans, sorted, levels, options.port ?? 22);
  const arcs: Arc[] = sorted.map((link) => ({
    ...link,
    side: name,
    level: levels.get(link) ?? 0,
    start: ends.get(link)?.[link.from === low(link) ? 0 : 1] ?? 0,
    end: ends.get(link)?.[link.to === low(link) ? 0 : 1] ?? 0,
    label: 0,
    thickness: thickness(link.count),
  }));
  placeLabels(arcs, options.label ?? 34, options.reach ?? 0);
  return { arcs, levels: arcs.reduce((most, arc) => Math.max(most, arc.level + 1), 0) };
}

// At every stage the lines that go on from here stand behind those that end here (seen along the axis), the inner ones
// of each at the outside: so no line has to cross one that it encloses.
function ports(spans: Span[], links: Link[], levels: Map<Link, number>, most: number): Map<Link, [number, number]> {
  const ends = new Map<Link, [number, number]>(links.map((link) => [link, [0, 0]]));
  const level = (link: Link) => levels.get(link) ?? 0;
  spans.forEach((span, i) => {
    const before = links.filter((l) => high(l) === i).sort((a, b) => level(a) - level(b));
    const after = links.filter((l) => low(l) === i).sort((a, b) => level(b) - level(a));
    const all = [...before, ...after];
    const gap = Math.min(most, (span.size * 0.72) / Math.max(1, all.length));
    // Around the middle, and a little more room between those that end here and those that go on.
    const between = before.length > 0 && after.length > 0 ? gap * 0.5 : 0;
    let at = span.start + span.size / 2 - ((all.length - 1) * gap + between) / 2;
    all.forEach((link, n) => {
      if (n > 0) at += gap;
      if (n === before.length && n > 0) at += between;
      const pair = ends.get(link);
      if (pair) pair[high(link) === i ? 1 : 0] = at;
    });
  });
  return ends;
}

// A label stands in the middle of its line, unless another line passes there or another label stands there.
function placeLabels(arcs: Arc[], usual: number, reach: number): void {
  const offsets = [0, 0.06, -0.06, 0.12, -0.12, 0.18, -0.18, 0.24, -0.24, 0.3, -0.3, 0.36, -0.36];
  const placed: Arc[] = [];
  for (const arc of arcs) {
    // Refused moves stand in the label as well.
    const half = arc.refused > 0 ? usual * 1.4 : usual;
    const a = Math.min(arc.start, arc.end);
    const b = Math.max(arc.start, arc.end);
    // Other lines cut through this level where they go in and out, if theirs is farther out.
    const cuts = arcs
      .filter((other) => other !== arc && other.level > arc.level)
      .flatMap((other) => [other.start, other.end])
      .filter((at) => at > a && at < b);
    const near = placed.filter((other) => Math.abs(other.level - arc.level) <= reach).map((other) => other.label);
    let best = (a + b) / 2;
    let bestRoom = Number.NEGATIVE_INFINITY;
    for (const offset of offsets) {
      const at = a + (b - a) * (0.5 + offset);
      const room = Math.min(
        half,
        at - a,
        b - at,
        ...cuts.map((cut) => Math.abs(cut - at)),
        ...near.map((label) => Math.abs(label - at) - half),
      );
      if (room > bestRoom + 0.5) {
        best = at;
        bestRoom = room;
      }
    }
    arc.label = best;
    placed.push(arc);
  }
}

export interface Frame {
  /** Lying: along is x, forward is up. Standing: along is y, forward is to the right. */
  direction: 'lying' | 'standing';
  /** Where the stages' edge lies on either side, across the axis. */
  forwardEdge: number;
  backEdge: number;
  /** From the edge to the first level, and from one level to the next. */
  first: number;
  step: number;
}

export interface Point {
  x: number;
  y: number;
}

export interface Drawn {
  /** The line, for the d of a path. */
  path: string;
  /** The arrow's head, likewise. */
  head: string;
  from: Point;
  label: Point;
}

/** Turns an arc into paths. */
export function draw(arc: Arc, frame: Frame): Drawn {
  const lying = frame.direction === 'lying';
  // Away from the stages is up or right for forward moves, and down or left for back moves.
  const away = (arc.side === 'forward') === lying ? -1 : 1;
  const edge = arc.side === 'forward' ? frame.forwardEdge : frame.backEdge;
  const out = edge + away * (frame.first + arc.level * frame.step);
  const near = edge + away * 2;
  const point = (along: number, across: number): Point => (lying ? { x: along, y: across } : { x: across, y: along });
  const text = (p: Point) => `${round(p.x)} ${round(p.y)}`;

  const head = 5 + arc.thickness * 0.75;
  const sign = arc.end > arc.start ? 1 : -1;
  const radius = Math.max(0, Math.min(Math.abs(out - edge) - head - 2, Math.abs(arc.end - arc.start) / 2, 22));
  const path =
    `M${text(point(arc.start, near))}` +
    `L${text(point(arc.start, out - away * radius))}` +
    `Q${text(point(arc.start, out))} ${text(point(arc.start + sign * radius, out))}` +
    `L${text(point(arc.end - sign * radius, out))}` +
    `Q${text(point(arc.end, out))} ${text(point(arc.end, out - away * radius))}` +
    `L${text(point(arc.end, near + away * (head - 1)))}`;
  const wing = 3 + arc.thickness * 0.6;
  const tip =
    `M${text(point(arc.end, near))}` +
    `L${text(point(arc.end - wing, near + away * head))}` +
    `L${text(point(arc.end + wing, near + away * head))}Z`;
  return { path, head: tip, from: point(arc.start, near), label: point(arc.label, out) };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** A move between two stages, drawn: key is its stages' names, as from>to. */
export interface Line {
  key: string;
  from: string;
  to: string;
  arc: Arc;
  drawn: Drawn;
}
