import { describe, expect, test } from 'vitest';
import { nodes, type FlowNode, type LineFigures } from '../../src/api';
import { complete, eventNames, messageNames } from '../../src/lib/complete';
import { columnsOf, every, sentence, stay } from '../../src/lib/figures';
import { lookOf } from '../../src/lib/flowtext';
import { indentOf } from '../../src/lib/indent';
import { editHash, parseRoute } from '../../src/lib/route';
import { after, readStory } from '../../src/lib/story';
import type { Word } from '../../src/workshop';

const line = (more: Partial<LineFigures>): LineFigures => ({
  line: 1,
  waiting: 0,
  sent: 0,
  opened: 0,
  clicked: 0,
  converted: 0,
  failed: 0,
  suppressed: 0,
  ...more,
});

const flow = nodes([
  {
    kind: 'enter',
    label: 'enter',
    line: 1,
    end_line: 5,
    children: [
      { kind: 'branch', label: 'x', line: 2, end_line: 4, branches: [{ label: 'x', line: 2, end_line: 3, children: [{ kind: 'send', label: 'hi', line: 3, end_line: 3 }] }] },
    ],
  },
] as unknown as FlowNode[]);

describe('figures', () => {
  test('a flow has all its nodes', () => {
    expect(every(flow).map((node) => node.kind)).toEqual(['enter', 'branch', 'send']);
  });

  test('columns follow from the script, not from what was counted so far', () => {
    expect(columnsOf(flow, []).map((column) => column.key)).toEqual(['sent', 'opened', 'clicked', 'converted', 'failed']);
    expect(columnsOf([], [])).toEqual([]);
    expect(columnsOf(flow, [line({ waiting: 1 })])[0]?.key).toBe('waiting');
  });

  test('in a sentence', () => {
    expect(sentence(line({ waiting: 1203 }))).toBe('1,203 wait here');
    expect(sentence(line({ sent: 100, opened: 40, clicked: 5, failed: 2, suppressed: 3 }))).toBe(
      '100 sent, 40 opened (40 %), 5 clicked (5 %), 2 failed, 3 kept back',
    );
    expect(sentence(line({}))).toBe('');
  });

  test.each([
    [null, '–'],
    [0, '0 s'],
    [59, '59 s'],
    [90, '1.5 min'],
    [3600, '1 h'],
    [86_400, '1 day'],
    [86_400 * 3.44, '3.4 days'],
    [86_400 * 31, '31 days'],
    [10_517 * 86_400, '29 years'],
    [730 * 86_400, '2 years'],
  ])('a stay of %s s is %s', (seconds, text) => expect(stay(seconds)).toBe(text));
});

test('nodes say what they do', () => {
  const of = (kind: string, label: string) => lookOf({ kind, label, file: '', line: 1, end_line: 1, name: '', children: [], branches: [] });
  const send: FlowNode = { kind: 'send', label: 'hint', file: '', line: 1, end_line: 1, name: 'hint', children: [], branches: [] };
  expect(of('enter', 'enter')).toMatchObject({ verb: 'On entering the stage', what: '' });
  expect(of('send', 'thank-you')).toMatchObject({ verb: 'send', what: 'thank-you', tone: 'send' });
  expect(lookOf({ ...send, channels: ['call'] }).icon).toBe('phone');
  expect(lookOf({ ...send, channels: ['email-news'] }).icon).toBe('mail');
  expect(lookOf({ ...send, channels: ['call', 'email', 'sms'] }).icon).toBe('mail');
  expect(lookOf({ ...send, channels: ['sms'] }).icon).toBe('chat');
  expect(of('wait_until', 'mon-fri 09:00').verb).toBe('wait until');
  expect(of('branch', 'count("A") > 2')).toMatchObject({ verb: '', code: true });
  expect(of('idle', 'Order Completed, 180 days')).toMatchObject({ verb: '180 days without', what: 'Order Completed' });
  // A word that is newer than this page is drawn as well.
  expect(of('greet', 'x')).toMatchObject({ verb: 'greet', what: 'x' });
});

describe('complete', () => {
  const words: Word[] = [
    { name: 'send', kind: 'word', signature: 'send "thank-you"', doc: 'Sends.' },
    { name: 'move', kind: 'word', signature: 'move "active"', doc: 'Moves.' },
    { name: 'customer.score', kind: 'field', signature: 'number', doc: 'Points.' },
  ];
  const names = { stages: ['member', 'active'], messages: ['hello'], events: ['Order Completed'], helpers: ['lib/offers'] };
  const labels = (before: string, asked = false) => complete(before, words, names, asked)?.options.map((option) => option.label);

  test('words and keywords', () => {
    expect(labels('  se')).toContain('send');
    expect(labels('  wh')).toContain('while');
    expect(labels('  se')).not.toContain('customer.score');
    expect(complete('  se', words, names, false)?.back).toBe(2);
    expect(complete('', words, names, false)).toBeNull();
    expect(labels('', true)).toContain('send');
  });

  test('what a word takes', () => {
    expect(labels('send "')).toEqual(['hello']);
    expect(labels('send("he')).toEqual(['hello']);
    expect(complete('send("he', words, names, false)?.back).toBe(2);
    expect(labels("move '")).toEqual(['member', 'active']);
    expect(labels('stage { goal = "Or')).toEqual(['Order Completed']);
    expect(labels('  next = "')).toEqual(['member', 'active']);
    expect(labels('use "lib/')).toEqual(['lib/offers']);
  });

  test('fields', () => {
    expect(labels('if customer.sc')).toEqual(['score']);
    expect(labels('if nothing.sc')).toBeUndefined();
  });

  test('nothing inside of text', () => {
    expect(labels('local x = "se')).toBeUndefined();
    expect(labels('-- se')).toBeUndefined();
  });

  test('the names of a journey', () => {
    expect(messageNames(['messages/b.email.liquid', 'messages/a.sms.vi.liquid', 'messages/a.email.liquid', 'lost.lua'])).toEqual(['a', 'b']);
    expect(eventNames(['on("B", f) goal = "A"', 'count "B" wait_for("C", "2 days")'])).toEqual(['A', 'B', 'C']);
  });
});

describe('a story', () => {
  test('is read as it is told', () => {
    const story = readStory([
      '2026-11-21 23:41  Order Completed {"revenue":3}',
      '                  moved a > b (cl/a.lua:12)',
      '                  message hi: accepted, "Hello (you)" (cl/a.lua:6)',
      '2026-12-21 23:41  a timer',
      '                  the script failed: no (cl/b.lua:3)',
      '                  log: x',
    ]);
    expect(story).toEqual([
      {
        at: '2026-11-21T23:41:00Z',
        what: 'Order Completed {"revenue":3}',
        caused: [
          { text: 'moved a > b', file: 'cl/a.lua', line: 12, tone: 'move' },
          { text: 'message hi: accepted, "Hello (you)"', file: 'cl/a.lua', line: 6, tone: 'message' },
        ],
      },
      {
        at: '2026-12-21T23:41:00Z',
        what: 'a timer',
        caused: [
          { text: 'the script failed: no', file: 'cl/b.lua', line: 3, tone: 'bad' },
          { text: 'log: x', file: '', line: 0, tone: 'quiet' },
        ],
      },
    ]);
    expect(readStory(['   lost'])).toEqual([]);
  });

  test.each([
    ['2026-01-01T00:00:40Z', 'now'],
    ['2025-12-31T00:00:00Z', 'now'],
    ['2026-01-01T01:00:00Z', '+60 min'],
    ['2026-01-02T12:00:00Z', '+36 h'],
    ['2026-01-31T00:00:00Z', '+30 days'],
    ['2026-01-04T12:00:00Z', '+3.5 days'],
  ])('%s is %s', (at, text) => expect(after('2026-01-01T00:00:30Z', at)).toBe(text));
});

test('the editor has an address', () => {
  expect(parseRoute(editHash('cl', 'cl/lost.lua', 3))).toMatchObject({ journey: 'cl', file: 'lost.lua', line: 3, edit: true });
  expect(parseRoute('#/edit/cl')).toMatchObject({ journey: 'cl', file: '', edit: false });
});

test.each([
  ['enter(function(customer)', '', 2],
  ['  send "hello"', '', 2],
  ['  if count("A") > 2 then -- much', '', 4],
  ['  for i = 1, 3 do', '', 4],
  ['  wait "2 days"', 'end)', 0],
  ['    move "a"', 'else', 2],
  ['stage {', '', 2],
  ['  title = "x",', '}', 0],
  ['', 'end', 0],
])('behind %j, %j stands at %d', (before, line, indent) => expect(indentOf(before, line)).toBe(indent));
