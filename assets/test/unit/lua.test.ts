import { describe, expect, test } from 'vitest';
import { lines, tokenize } from '../../src/lib/lua';

const stage = `-- One order. The second one is the hardest.
stage { title = "Single purchase", goal = "Order Completed", next = "active" }

enter(function(customer)
  send "thank-you"
  wait "30 days"
  if customer.traits.plan == "gold" and count("Order Completed", "90 days") < 2 then
    send("second-order", { by = "email", discount = 0x0F })
  end
end)

idle("Order Completed", "180 days", function(customer) -- too long
  move "lost"
end)
`;

const kinds = (source: string) =>
  tokenize(source)
    .filter((token) => token.kind !== 'space')
    .map((token) => `${token.kind} ${token.text}`);

describe('tokenize', () => {
  test('words, fields and the rest', () => {
    expect(kinds('send "hi" -- now\nlocal n = customer.score + 1.5e3')).toEqual([
      'word send',
      'string "hi"',
      'comment -- now',
      'keyword local',
      'name n',
      'operator =',
      'name customer',
      'operator .',
      'name score',
      'operator +',
      'number 1.5e3',
    ]);
    // A field that is called like one of our words is a field.
    expect(kinds('a.send').at(-1)).toBe('name send');
    expect(kinds('a . wait').at(-1)).toBe('name wait');
    expect(kinds('a .. wait').at(-1)).toBe('word wait');
    expect(kinds('enter').at(-1)).toBe('register enter');
    expect(kinds('0xFF 3. .5 7e-2')).toEqual(['number 0xFF', 'number 3.', 'number .5', 'number 7e-2']);
  });

  test('long strings and comments', () => {
    expect(kinds('x = [==[ a ]] b ]==] y')).toEqual(['name x', 'operator =', 'string [==[ a ]] b ]==]', 'name y']);
    expect(kinds('--[[ two\nlines ]] z')).toEqual(['comment --[[ two\nlines ]]', 'name z']);
    expect(kinds('--[ no')).toEqual(['comment --[ no']);
    expect(kinds('a[b[1]]')).toEqual(['name a', 'operator [', 'name b', 'operator [', 'number 1', 'operator ]', 'operator ]']);
  });

  test('strings end where their quote or their line does', () => {
    expect(kinds('"a\\"b" c')).toEqual(['string "a\\"b"', 'name c']);
    expect(kinds('"open\nsend')).toEqual(['string "open', 'word send']);
    expect(kinds("'it\\\nis' x")).toEqual(["string 'it\\\nis'", 'name x']);
    expect(kinds('[[open')).toEqual(['string [[open']);
  });

  test('lines are counted', () => {
    expect(tokenize(stage).find((token) => token.text === 'move')?.line).toBe(13);
  });

  test('nothing is lost, whatever comes in', () => {
    // A small generator with a fixed seed: the same texts in every run.
    let seed = 42;
    const random = (below: number) => {
      seed = (seed * 1103515245 + 12345) & 0x7fffffff;
      return seed % below;
    };
    const parts = ['"', "'", '[[', ']]', '[=[', ']=]', '--', '--[[', '\\', '\n', '\r\n', ' ', 'send', 'end', '1e', '0x', '..', 'ü', '🎭', '(', ')', '\0'];
    for (let round = 0; round < 2000; round++) {
      const source = Array.from({ length: random(24) }, () => parts[random(parts.length)]).join('');
      const tokens = tokenize(source);
      expect(tokens.map((token) => token.text).join('')).toBe(source);
      expect(tokens.every((token) => token.text.length > 0)).toBe(true);
    }
  });

  test('a long script takes no long time', () => {
    const source = '(('.repeat(16_000) + '"\\'.repeat(8_000) + '['.repeat(8_000);
    const start = performance.now();
    tokenize(source);
    expect(performance.now() - start).toBeLessThan(2000);
  });
});

describe('lines', () => {
  const text = (source: string) => lines(source).map((line) => line.map((token) => token.text).join(''));

  test('are those of the source', () => {
    expect(text(stage)).toEqual(stage.trimEnd().split('\n'));
    expect(text('')).toEqual(['']);
    expect(text('a\n\nb')).toEqual(['a', '', 'b']);
    expect(text('a\r\nb\r\n')).toEqual(['a', 'b']);
  });

  test('cut what spans them', () => {
    const [first, second] = lines('--[[ a\nb ]] c');
    expect(first).toEqual([{ kind: 'comment', text: '--[[ a', line: 1 }]);
    expect(second?.[0]).toEqual({ kind: 'comment', text: 'b ]]', line: 2 });
  });
});
