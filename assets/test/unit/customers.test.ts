import { expect, test } from 'vitest';
import { joinLives, kindText, nameOf, staysOf, type Lived, type StageChange, withTitles } from '../../src/lib/customers';
import { customerHash, parseRoute } from '../../src/lib/route';

const change = (at: string, kind: StageChange['kind'], from = '', to = ''): StageChange => ({ at, kind, from, to, text: '' });

test('stays end with the change that follows them', () => {
  const history = [
    change('5', 'exited', 'b'),
    change('4', 'refused', 'b', 'a'),
    change('3', 'moved', 'a', 'b'),
    change('2', 'converted', 'a'),
    change('1', 'entered', '', 'a'),
  ];
  expect(staysOf(history).map((one) => [one.stage, one.began.at, one.ended])).toEqual([
    ['b', '3', '5'],
    ['a', '1', '3'],
  ]);
  expect(staysOf(history.slice(2))[0]?.ended).toBe(null);
});

test('a customer is called by name, address or ID', () => {
  const one = { id: '0123456789abcdef', created: '', seen: '', stages: [] };
  expect(nameOf({ ...one, name: ' Ada ', email: 'ada@example.com' })).toBe('Ada');
  expect(nameOf({ ...one, name: 7, email: 'ada@example.com', userId: 'u1' })).toBe('ada@example.com');
  expect(nameOf(one)).toBe('01234567');
  expect(kindText('external:shopify')).toBe('shopify');
});

test('pages of a life overlap without doubles', () => {
  const entry = (seq: number): Lived => ({ at: '', seq, facts: [] });
  expect(joinLives([entry(3), entry(2)], [entry(2), entry(1)]).map((one) => one.seq)).toEqual([3, 2, 1]);
});

test('an identity stands in the address whatever it is made of', () => {
  for (const who of ['u-1042', 'a/da?b', 'ada@example.com', 'shopify:10 01']) {
    const route = parseRoute(customerHash(who));
    expect(route.page).toBe('customers');
    expect(new URLSearchParams(route.query).get('id')).toBe(who);
  }
  expect(parseRoute('#/customers?search=ada').query).toBe('search=ada');
});

test.each([
  ['moved', 'moved new > once-more', 'moved Newcomer > Again'],
  ['refused', 'refused new > gone: new has no move to it', 'refused Newcomer > gone: new has no move to it'],
  ['entered', 'entered new, asked for by api', 'entered Newcomer, asked for by api'],
  ['exited', 'left the journey from once-more at Unsubscribed', 'left the journey from Again at Unsubscribed'],
  ['converted', 'reached the goal of new', 'reached the goal of Newcomer'],
  ['message', 'message new: put into the outbox', 'message new: put into the outbox'],
])('what %s says has titles: %s', (kind, text, titled) =>
  expect(withTitles({ kind, text }, [{ name: 'new', title: 'Newcomer' }, { name: 'once-more', title: 'Again' }])).toBe(titled));
