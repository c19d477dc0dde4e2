import { expect, test } from 'vitest';
import { fieldsOf, filled, formOf, hidden, sectionsOf, settingsOf, type Schema } from '../../src/lib/schema';

const schema: Schema = {
  type: 'object',
  required: ['host'],
  properties: {
    host: { type: 'string', title: 'Server' },
    port: { type: 'integer', minimum: 1, maximum: 65535, default: 587 },
    security: { type: 'string', enum: ['tls', 'none'], default: 'tls' },
    token: { type: 'string', writeOnly: true, title: 'Twilio: auth token' },
    sid: { type: 'string', title: 'Twilio: account' },
    check: { type: 'boolean', default: true },
    words: { type: 'array', items: { type: 'string' } },
    dkim: { type: 'array', items: { type: 'object' } },
    rates: { type: 'object' },
    slack: { type: 'object', title: 'Slack', properties: { token: { type: 'string', writeOnly: true }, deep: { type: 'object', properties: {} } } },
  },
};
const fields = fieldsOf(schema);

test('a schema becomes fields', () => {
  expect(fields.map((field) => field.kind)).toEqual(['text', 'number', 'choice', 'secret', 'text', 'flag', 'list', 'json', 'json', 'group']);
  expect(fields[0]).toMatchObject({ title: 'Server', required: true, standard: '' });
  expect(fields[1]).toMatchObject({ title: 'port', whole: true, help: '1 to 65535.', standard: '587' });
  expect(fields[9]?.fields.map((field) => field.kind)).toEqual(['secret', 'json']);
  expect(fieldsOf(undefined)).toEqual([]);
});

test('titles that begin alike are a section', () => {
  const sections = sectionsOf(fields);
  expect(sections.map((section) => section.title)).toEqual(['', 'Twilio']);
  expect(sections[1]?.fields.map((field) => field.title)).toEqual(['Auth token', 'Account']);
  expect(filled(sections[1]!, formOf(fields, { sid: 'AC' }))).toBe(true);
  expect(filled(sections[1]!, formOf(fields, { slack: { token: 'x' } }))).toBe(false);
  expect(filled(sections[0]!, formOf(fields, { slack: { token: 'x' } }))).toBe(true);
});

test('settings survive the form', () => {
  const settings = { host: 'h', port: 25, security: 'none', token: hidden, check: false, words: ['a', 'b c'], dkim: [{ key: hidden }], slack: { token: hidden }, odd: 1 };
  expect(settingsOf(fields, formOf(fields, settings), settings)).toEqual(settings);
});

test('what is hidden stays hidden, whatever it is', () => {
  const fields = fieldsOf({
    properties: {
      pin: { type: 'integer', writeOnly: true, title: 'PIN' },
      on: { type: 'boolean', writeOnly: true },
      keys: { type: 'array', items: { type: 'string', writeOnly: true } },
      odd: {},
      port: { type: 'integer' },
      group: { type: 'object', properties: { a: { type: 'string' } } },
    },
  });
  const settings = { pin: hidden, on: hidden, keys: hidden, odd: hidden, port: hidden, group: hidden };
  expect(fields.map((field) => field.kind)).toEqual(['secret', 'secret', 'list', 'json', 'number', 'group']);
  expect(formOf(fields, settings)).toMatchObject({ pin: hidden, odd: hidden });
  expect(settingsOf(fields, formOf(fields, settings), settings)).toEqual(settings);
  expect(settingsOf(fields, { ...formOf(fields, settings), pin: '4711', on: 'true', keys: 'a' }, settings)).toMatchObject({ pin: 4711, on: true, keys: ['a'] });
  expect(() => settingsOf(fields, { pin: 'abc' }, settings)).toThrow('PIN: this is no number');
});

test('what is empty is left out, and what is no value is said', () => {
  expect(settingsOf(fields, formOf(fields), { host: 'gone' })).toEqual({});
  expect(settingsOf(fields, { ...formOf(fields), words: ' a \n\n b ', check: 'true' })).toEqual({ words: ['a', 'b'], check: true });
  expect(() => settingsOf(fields, { port: 'x' })).toThrow('port: “x” is no number');
  expect(() => settingsOf(fields, { dkim: '[' })).toThrow('dkim: this is not JSON');
});
