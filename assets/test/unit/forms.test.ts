import { expect, test } from 'vitest';
import { embedded, type Form } from '../../src/lib/forms';

test('the form for one’s own site has every field', () => {
  const options = [{ value: 'tea', label: { en: 'Tea & more' } }, { value: 'coffee', label: { en: 'Coffee' } }];
  const fields = [
    { name: 'email', type: 'email', required: true },
    { name: 'plan', type: 'hidden', required: false },
    { name: 'likes', label: { en: 'Likes' }, type: 'choices', required: false, options },
    { name: 'most', type: 'choice', required: true, options },
    { name: 'words', type: 'long', required: false },
    { name: 'adult', type: 'yes', required: false },
  ];
  const consents = [{ name: 'news', label: { en: 'Write to me' }, required: true }];
  expect(embedded({ url: 'https://s.example/f/tea', fields, consents } as unknown as Form)).toBe(`<form method="post" action="https://s.example/f/tea">
  <label>email <input type="email" name="email" required></label>
  <input type="hidden" name="plan" value="">
  <fieldset><legend>Likes</legend>
    <label><input type="checkbox" name="likes" value="tea"> Tea &amp; more</label>
    <label><input type="checkbox" name="likes" value="coffee"> Coffee</label>
  </fieldset>
  <label>most <select name="most" required>
    <option></option>
    <option value="tea">Tea &amp; more</option>
    <option value="coffee">Coffee</option>
  </select></label>
  <label>words <textarea name="words"></textarea></label>
  <label><input type="checkbox" name="adult" value="true"> adult</label>
  <label><input type="checkbox" name="news" value="yes" required> Write to me</label>
  <button>Send</button>
</form>`);
});
