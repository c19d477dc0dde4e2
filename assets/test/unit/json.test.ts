import { expect, test } from 'vitest';
import { valueText } from '../../src/lib/customers';
import { asSent } from '../../src/lib/json';

// Where the engine is too old for it, numbers are shown as JavaScript writes them.
test.skipIf(!('rawJSON' in JSON))('numbers keep the digits that they were sent with', () => {
  const { big, money, small, list } = asSent('{"big": 12345678901234567890, "money": 12.00, "small": 12.5, "list": [1e2, -0.10]}') as Record<string, unknown>;
  expect([big, money, small, list].map(valueText)).toEqual(['12345678901234567890', '12.00', '12.5', '[1e2,-0.10]']);
  expect(`${String(big)} ${Number(money) + 1}`).toBe('12345678901234567890 13');
  expect(small).toBe(12.5);
});

test('what is no odd number is read as ever', () => {
  expect(asSent('{"a": [1, -2.5, "12.00", null, true], "b": {}}')).toEqual({ a: [1, -2.5, '12.00', null, true], b: {} });
});
