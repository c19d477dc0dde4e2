import { expect, test } from 'vitest';
import { complete } from '../../src/api';
import { allowsInlineStyle, withoutFetches, withoutHandlers, withoutStyles } from '../../src/lib/mail';
import { fileHash, journeyHash, messageHash, nowhere, parseRoute } from '../../src/lib/route';

test('routes survive the address', () => {
  expect(parseRoute('')).toEqual(nowhere);
  expect(parseRoute('#/')).toEqual(nowhere);
  expect(parseRoute('#/nonsense/x')).toEqual(nowhere);
  expect(parseRoute('#/journey/%E0%A4%A')).toMatchObject({ journey: '%E0%A4%A' });
  expect(parseRoute(journeyHash('wein & käse'))).toEqual({ ...nowhere, journey: 'wein & käse' });
  expect(parseRoute(fileHash('cl', 'lost.lua', 12))).toEqual({ ...nowhere, journey: 'cl', file: 'lost.lua', line: 12 });
  expect(parseRoute(fileHash('cl', 'cl/lost.lua'))).toEqual({ ...nowhere, journey: 'cl', file: 'lost.lua' });
  expect(parseRoute(fileHash('cl', 'lib/offers.lua', 3))).toMatchObject({ file: 'lib/offers.lua', line: 3 });
  expect(parseRoute(messageHash('a/b:1'))).toEqual({ ...nowhere, message: 'a/b:1' });
});

test('an overview without lists has empty ones', () => {
  const overview = complete({ journeys: [{ name: 'cl', stages: null, moves: null, messages: null }] } as never);
  expect(overview.journeys[0]).toMatchObject({ title: 'cl', stages: [], moves: [], messages: [], publishError: null });
  expect(complete({})).toMatchObject({ journeys: [], messages: [], errors: [], channels: [], inDoubt: 0 });
});

test.each([
  [null, true],
  ["default-src 'self'", false],
  ["default-src 'self'; style-src 'self' 'unsafe-inline'", true],
  ["default-src 'self'; style-src 'self' 'nonce-x' 'unsafe-inline'", false],
  ["default-src 'self'; style-src-elem 'unsafe-inline'", false],
  ["img-src 'self'", true],
  ["style-src 'unsafe-inline', default-src 'self'", false],
])('policy %s lets inline styles through: %s', (policy, allowed) => expect(allowsInlineStyle(policy)).toBe(allowed));

test('styles fetch nothing', () => {
  expect(withoutFetches('a{background:url(https://x/y.png) red}')).toBe('a{background:none red}');
  expect(withoutFetches('@import "x.css"; b{color:red}')).toBe(' b{color:red}');
  expect(withoutFetches('c{background:image-set("a.png" 1x)}')).toBe('c{background:none}');
});

test('a mail without its styles keeps what it says', () => {
  expect(withoutStyles('<style>p{color:red}</style><p title="a style=b" style="color:red">x</p>')).toBe('<p title="a style=b">x</p>');
  expect(withoutStyles("<div class='c' style='display:none'>preheader</div>")).toBe("<div class='c' hidden>preheader</div>");
  expect(withoutStyles('<td style=padding:0>1 < 2 and style="x"</td>')).toBe('<td>1 < 2 and style="x"</td>');
  expect(withoutStyles('<STYLE>never closed')).toBe('');
});

test('a style that fetches is found however it is written', () => {
  expect(withoutFetches('background-image:u\\72l(/x)')).toBe('background-image:none');
  expect(withoutFetches('background:\\000075 RL("/x")')).toBe('background:none');
  expect(withoutFetches('background:i\\00006dage-set("/x" 1x)')).toBe('background:none');
  expect(withoutFetches('background:\\u\\rl(/never-closed')).toBe('background:none');
  expect(withoutFetches('@\\69 mport "x.css"; b{content:"\\201C \\22"}')).toBe(' b{content:"\\201C \\22"}');
});

test('handlers of events are no more, and the text about them is', () => {
  expect(withoutHandlers('<a title="x on=y"onclick="f()"/onload=g()>one on=two</a><BASE href="/x"><b>')).toBe('<a title="x on=y"data-handler="f()"/data-handler=g()>one on=two</a><b>');
});
