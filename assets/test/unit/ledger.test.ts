import { expect, test } from 'vitest';
import { afterwards, states } from '../../src/lib/ledger';

test('what became of a message after it was handed over is told in words', () => {
  expect(afterwards({ state: 'accepted', inDoubt: 0, answers: ['delivered', 'opened'] })).toBe('delivered, opened');
  expect(afterwards({ state: 'accepted', inDoubt: 1, answers: ['bounced'] })).toBe('in doubt, bounced');
  expect(afterwards({ state: 'held', inDoubt: 1 })).toBe(''); // which says so
  expect(afterwards({ state: 'queued', inDoubt: 0 })).toBe('');
});

test('messages are asked for by state, by answer and by doubt', () => {
  expect(states.flatMap((group) => group.states)).toEqual(expect.arrayContaining(['queued', 'bounced', 'in doubt']));
});
