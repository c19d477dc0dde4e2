// Where the boxes and lines of a flow chart stand. Pure geometry over the tree that the server draws from a script's
// syntax: the main path runs straight down, every other arm of a branch leaves it to the right and comes back below,
// unless it ends in a move or a return. Sizes depend on what a node is and never on its figures, so that nothing jumps
// when these change.
import type { FlowNode } from '../api';
import { lookOf } from './flowtext';

export interface Box {
  node: FlowNode;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Edge {
  /** An SVG path with round corners. */
  path: string;
  /** Goes back up, to the head of a loop. */
  back: boolean;
}

export interface Label {
  text: string;
  x: number;
  y: number;
  width: number;
}

export interface Chart {
  width: number;
  height: number;
  boxes: Box[];
  edges: Edge[];
  /** What an arm is taken for, at its beginning. */
  labels: Label[];
  /** Where a path ends without a move. */
  ends: Point[];
}

export interface Point {
  x: number;
  y: number;
}

export const sizes = { node: 196, gap: 20, arm: 22, bypass: 34, label: 22, end: 14 };

/** What may say much, and then says it on two lines. */
const wordy = new Set(['branch', 'loop', 'idle', 'on', 'goal', 'exit']);

/** How many letters a line of a node has room for. */
const lineLetters = 20;

/** The same where they are bold or of one width. */
const wordyLetters = 18;

/** How high a node is: a line, two for who waits or for a long condition, three with a row of figures or for a long wait. */
export function heightOf(node: FlowNode): number {
  if (node.kind === 'send') return 64;
  const { verb, what } = lookOf(node);
  const letters = [verb, what].filter(Boolean).join(' ').length;
  if (node.kind === 'wait' || node.kind === 'wait_until' || node.kind === 'wait_for') return letters > lineLetters ? 64 : 48;
  return wordy.has(node.kind) && letters > wordyLetters ? 48 : 34;
}

/** What a way is taken for. The condition of the first stands in the node itself. */
function sayWay(node: FlowNode, i: number): string {
  const label = node.branches[i]?.label ?? '';
  if (node.kind !== 'branch') return label;
  if (i === 0) return 'yes';
  return label === 'otherwise' ? 'no' : label;
}

/** What a path does not come back from. */
const ending = new Set(['move', 'return', 'break']);

interface Line {
  points: Point[];
  back: boolean;
}

/** A piece of a chart, in its own coordinates; lines come in and leave on its axis. */
interface Block extends Omit<Chart, 'edges'> {
  axis: number;
  lines: Line[];
  /** The path goes on below it. */
  open: boolean;
}

/** Lays out one handler. */
export function layoutChart(handler: FlowNode): Chart {
  const block = empty();
  const head = nodeBlock(handler);
  put(block, head, 0, 0);
  block.axis = head.axis;
  const body = sequence(handler.children);
  const left = Math.min(0, head.axis - body.axis);
  if (left < 0) shift(block, -left, 0);
  const axis = head.axis - left;
  const gap = sizes.gap;
  put(block, body, axis - body.axis, head.height + gap);
  block.lines.push(line([{ x: axis, y: head.height }, { x: axis, y: head.height + gap + (handler.children.length === 0 ? body.height : 0) }]));
  if (body.open) {
    const y = head.height + gap + body.height;
    block.lines.push(line([{ x: axis, y }, { x: axis, y: y + sizes.end }]));
    block.ends.push({ x: axis, y: y + sizes.end });
    block.height = y + sizes.end + 5;
  }
  const { width, height, boxes, lines, labels, ends } = block;
  return { width, height, boxes, edges: lines.map(({ points, back }) => ({ path: path(points), back })), labels, ends };
}

function empty(): Block {
  return { width: 0, height: 0, axis: 0, open: true, boxes: [], lines: [], labels: [], ends: [] };
}

function nodeBlock(node: FlowNode): Block {
  const height = heightOf(node);
  return {
    ...empty(),
    width: sizes.node,
    height,
    axis: sizes.node / 2,
    open: !ending.has(node.kind),
    boxes: [{ node, x: 0, y: 0, width: sizes.node, height }],
  };
}

function sequence(steps: FlowNode[]): Block {
  const block = empty();
  // A loop's way back runs left of its body, so blocks may differ in where their axis is.
  const parts = steps.map((step) => blockOf(step));
  block.axis = Math.max(0, ...parts.map((part) => part.axis));
  let y = 0;
  parts.forEach((part, i) => {
    if (i > 0) {
      if (parts[i - 1]?.open) block.lines.push(line([{ x: block.axis, y }, { x: block.axis, y: y + sizes.gap }]));
      y += sizes.gap;
    }
    put(block, part, block.axis - part.axis, y);
    y += part.height;
    block.open = part.open;
  });
  block.height = y;
  return block;
}

function blockOf(node: FlowNode): Block {
  if (node.branches.length > 0) return branch(node);
  if (node.children.length > 0) return node.kind === 'loop' ? loop(node) : nested(node);
  return nodeBlock(node);
}

/** A node with something inside that is simply done: it stands below. */
function nested(node: FlowNode): Block {
  const head = nodeBlock(node);
  const body = sequence(node.children);
  const block = empty();
  block.axis = Math.max(head.axis, body.axis);
  put(block, head, block.axis - head.axis, 0);
  put(block, body, block.axis - body.axis, head.height + sizes.gap);
  block.lines.push(line([{ x: block.axis, y: head.height }, { x: block.axis, y: head.height + sizes.gap }]));
  block.open = body.open;
  return block;
}

function loop(node: FlowNode): Block {
  const lane = 18;
  const inner = nested(node);
  const block = empty();
  put(block, inner, lane, 0);
  block.axis = lane + inner.axis;
  const head = inner.boxes[0];
  const bottom = inner.height + sizes.gap / 2;
  if (head) {
    const middle = head.height / 2;
    if (inner.open) {
      const way = [
        { x: block.axis, y: inner.height },
        { x: block.axis, y: bottom },
        { x: 4, y: bottom },
        { x: 4, y: middle },
        { x: lane + head.x, y: middle },
      ];
      block.lines.push(line(way, true));
    }
    // When it is over, the path goes on past the body, on the right.
    const right = block.width + 12;
    block.lines.push(
      line([
        { x: lane + head.x + head.width, y: middle },
        { x: right, y: middle },
        { x: right, y: bottom + sizes.gap / 2 + 4 },
        { x: block.axis, y: bottom + sizes.gap / 2 + 4 },
        { x: block.axis, y: bottom + sizes.gap + 4 },
      ]),
    );
    block.width = right + 2;
  }
  block.height = bottom + sizes.gap + 4;
  block.open = true;
  return block;
}

function branch(node: FlowNode): Block {
  const block = empty();
  const head = nodeBlock(node);
  const arms = node.branches.map((branch, i) => {
    const own = sequence(branch.children);
    if (branch.ends) own.open = false;
    return { label: sayWay(node, i), block: own, empty: branch.children.length === 0 };
  });
  // A path that does nothing is a thin line past the others, with room for what it says.
  for (const arm of arms) {
    const width = Math.max(sizes.bypass, labelWidth(arm.label));
    if (arm.empty) Object.assign(arm.block, { width, axis: width / 2, height: 0 });
  }
  const first = arms[0];
  if (!first) return head;
  block.axis = Math.max(head.axis, first.block.axis);
  put(block, head, block.axis - head.axis, 0);

  const start = head.height + sizes.gap + sizes.label;
  const split = head.height + sizes.gap / 2;
  const tallest = Math.max(...arms.map((arm) => arm.block.height));
  const merge = start + tallest + sizes.gap / 2;
  const open = arms.filter((arm) => arm.block.open).length;
  let x = block.axis - first.block.axis;
  arms.forEach((arm, i) => {
    const own = arm.block;
    const axis = x + own.axis;
    put(block, own, x, start);
    block.lines.push(
      line(
        i === 0
          ? [{ x: block.axis, y: head.height }, { x: axis, y: start }]
          : [{ x: block.axis, y: split }, { x: axis, y: split }, { x: axis, y: start }],
      ),
    );
    if (arm.label) block.labels.push({ text: arm.label, x: axis, y: start - sizes.label / 2 - 3, width: Math.max(sizes.bypass, 2 * Math.min(own.axis, own.width - own.axis)) });
    if (own.open) {
      const from = { x: axis, y: start + own.height };
      block.lines.push(
        line(i === 0 ? [from, { x: axis, y: merge + sizes.gap / 2 }] : [from, { x: axis, y: merge }, { x: block.axis, y: merge }, { x: block.axis, y: merge + sizes.gap / 2 }]),
      );
    }
    x += own.width + sizes.arm;
  });
  block.width = Math.max(block.width, x - sizes.arm);
  block.open = open > 0;
  block.height = block.open ? merge + sizes.gap / 2 : start + tallest;
  return block;
}

/** About how wide a label is at its size. What is longer is cut where it is shown. */
function labelWidth(text: string): number {
  return text ? Math.min(sizes.node, text.length * 7 + 16) : 0;
}

function line(points: Point[], back = false): Line {
  return { points, back };
}

function put(into: Block, part: Block, x: number, y: number): void {
  const moved = { ...part };
  shift(moved, x, y);
  into.boxes.push(...moved.boxes);
  into.lines.push(...moved.lines);
  into.labels.push(...moved.labels);
  into.ends.push(...moved.ends);
  into.width = Math.max(into.width, x + part.width);
  into.height = Math.max(into.height, y + part.height);
}

function shift(block: Block, x: number, y: number): void {
  const move = <T extends Point>(one: T): T => ({ ...one, x: one.x + x, y: one.y + y });
  block.boxes = block.boxes.map(move);
  block.labels = block.labels.map(move);
  block.ends = block.ends.map(move);
  block.lines = block.lines.map(({ points, back }) => ({ points: points.map(move), back }));
}

/** An SVG path through points that lie across or above each other; its corners are round. */
export function path(points: Point[]): string {
  return points
    .map((point, i) => {
      const before = points[i - 1];
      const after = points[i + 1];
      if (!before) return `M${write(point)}`;
      if (!after) return `L${write(point)}`;
      const radius = Math.min(8, distance(before, point) / 2, distance(point, after) / 2);
      return `L${write(toward(point, before, radius))}Q${write(point)} ${write(toward(point, after, radius))}`;
    })
    .join('');
}

function write(point: Point): string {
  return `${Math.round(point.x * 10) / 10} ${Math.round(point.y * 10) / 10}`;
}

function distance(a: Point, b: Point): number {
  return Math.abs(a.x - b.x) + Math.abs(a.y - b.y);
}

function toward(from: Point, to: Point, by: number): Point {
  return { x: from.x + Math.sign(to.x - from.x) * by, y: from.y + Math.sign(to.y - from.y) * by };
}
