import { describe, expect, it } from 'vitest';
import { agreed, clock, fact, localField, words } from '../../src/lib/calls';
import { parseRoute } from '../../src/lib/route';

describe('calls', () => {
  it('have a page', () => expect(parseRoute('#/calls').page).toBe('calls'));

  it('name dispositions as people do', () => {
    expect(words('wrong-number')).toBe('Wrong number');
    expect(words('')).toBe('');
  });

  it('count minutes and seconds', () => {
    expect([-1, 0, 59_999, 247_000, 3_600_000].map(clock)).toEqual(['0:00', '0:00', '0:59', '4:07', '60:00']);
  });

  it('write a field that reads as the same minute', () => {
    const at = new Date(2026, 0, 2, 3, 4).getTime();
    expect(localField(at)).toBe('2026-01-02T03:04');
    expect(new Date(localField(at)).getTime()).toBe(at);
  });

  it('say when a call back was agreed for', () => {
    const now = new Date(2026, 0, 1, 12).getTime();
    expect(agreed(new Date(2026, 0, 2, 14, 30).toISOString(), now)).toBe('Fri 14:30');
    expect(agreed(new Date(2026, 1, 2, 14, 30).toISOString(), now)).toBe('2 Feb, 14:30');
  });

  it('show traits in one line', () => {
    expect(fact('Hà Nội')).toBe('Hà Nội');
    expect(fact({ city: 'Hà Nội' })).toBe('{"city":"Hà Nội"}');
  });
});
