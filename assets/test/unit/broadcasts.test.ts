import { expect, test } from 'vitest';
import { mailFile, reachText, warningText, type Ahead } from '../../src/lib/broadcasts';

const ahead: Ahead = {
  looked: 900, matched: 887, heldout: 0, reached: 3, waiting: {}, kept: {}, parts: {}, channels: {}, tried: 3, failing: {}, complete: true, example: '',
};

test('who would get a broadcast is told with how many of them now', () => {
  expect(reachText(ahead)).toBe('3 of 887 customers would get it');
  expect(reachText({ ...ahead, waiting: { 'quiet hours': 2 } })).toBe('3 of 887 customers would get it, 1 of them now');
  expect(reachText({ ...ahead, complete: false, waiting: { 'quiet hours': 2, 'frequency cap': 1 } })).toBe('At least 3 of 887 customers would get it, none of them now');
});

test('a warning names a file only where somebody wrote one, and the message only where there are several', () => {
  const warning = { message: 'message message: in the subject: not everybody has customer.nickname', file: 'broadcast.draft/messages/message.email.liquid', line: 2, stops: true };
  const mail = { texts: { email: mailFile('Hi {{ customer.nickname }}', 'marketing', 'Hello') } };
  expect(warningText({ parts: [{ ...mail, name: 'message' }] }, warning)).toEqual({ what: 'In the subject: not everybody has customer.nickname', where: '' });
  expect(warningText({ parts: [{ name: 'message', texts: { ...mail.texts, sms: 'Hello' } }] }, warning).where).toBe('message.email.liquid:2');
  const ofA = { ...warning, message: 'message a: in the subject: x', file: 'broadcast.draft/messages/a.email.liquid' };
  expect(warningText({ parts: [{ ...mail, name: 'a' }, { ...mail, name: 'b' }] }, ofA).what).toBe('Message a: in the subject: x');
});
