import { describe, expect, it } from 'vitest';
import { messageFile } from '../../src/lib/complete';
import { inScheme } from '../../src/lib/mail';

describe('the file of a message', () => {
  it('names message, channel and language', () => {
    expect(messageFile('messages/thank-you.email.liquid')).toEqual({ name: 'thank-you', channel: 'email', locale: '' });
    expect(messageFile('messages/thank-you.sms.pt-BR.liquid')).toEqual({ name: 'thank-you', channel: 'sms', locale: 'pt-BR' });
  });

  it('is no layout, partial or script', () => {
    for (const file of ['messages/layouts/base.email.liquid', 'messages/partials/footer.liquid', 'member.lua', 'messages/hello.liquid']) {
      expect(messageFile(file)).toBeNull();
    }
  });
});

describe('light and dark', () => {
  const css = '@media (prefers-color-scheme: dark) { a {} } @media screen and ( prefers-color-scheme :light ) { b {} }';
  it('is what the preview asks for', () => {
    expect(inScheme(css, true)).toBe('@media (min-width: 0) { a {} } @media screen and (max-width: 0) { b {} }');
    expect(inScheme(css, false)).toBe('@media (max-width: 0) { a {} } @media screen and (min-width: 0) { b {} }');
  });
});
