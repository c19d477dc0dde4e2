import { expect, test } from 'vitest';
import { reachText, type Ahead } from '../../src/lib/broadcasts';

const ahead: Ahead = {
  looked: 900, matched: 887, heldout: 0, reached: 3, waiting: {}, kept: {}, parts: {}, channels: {}, tried: 3, failing: {}, complete: true, example: '',
};

test('who would get a broadcast is told with how many of them now', () => {
  expect(reachText(ahead)).toBe('3 of 887 customers would get it');
  expect(reachText({ ...ahead, waiting: { 'quiet hours': 2 } })).toBe('3 of 887 customers would get it, 1 of them now');
  expect(reachText({ ...ahead, complete: false, waiting: { 'quiet hours': 2, 'frequency cap': 1 } })).toBe('At least 3 of 887 customers would get it, none of them now');
});
