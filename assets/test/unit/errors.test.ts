import { expect, test } from 'vitest';
import type { ScriptError } from '../../src/api';
import { groupErrors } from '../../src/lib/errors';

const error = (ref: string, more: Partial<ScriptError> = {}): ScriptError => ({
  ref, at: '2026-11-23T12:00:00Z', journey: 'shop', stage: 'active', file: 'shop/active.lua', line: 15, message: 'no points', hint: '', user: ref, replayable: true, ...more,
});

test('the same error of the same line is one, and counts those that are not listed', () => {
  const groups = groupErrors([error('a', { alike: 75 }), error('b', { line: 16 }), error('c', { alike: 75 }), error('d', { message: 'no plan' })]);
  expect(groups.map(({ first, errors, count }) => [first.ref, errors.map((one) => one.ref).join(), count])).toEqual([
    ['a', 'a,c', 75],
    ['b', 'b', 1],
    ['d', 'd', 1],
  ]);
});
