// The JSON Schema of a connector's settings as a form: what can be drawn of it is drawn, the rest is written as JSON.

/** Stands where a secret is set. Sent back, the secret stays as it is. */
export const hidden = '********';

export type Settings = Record<string, unknown>;

export interface Schema {
  type?: string;
  title?: string;
  description?: string;
  enum?: unknown[];
  default?: unknown;
  writeOnly?: boolean;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  required?: string[];
  properties?: Record<string, Schema>;
  items?: Schema;
}

export type Kind = 'text' | 'secret' | 'number' | 'flag' | 'choice' | 'list' | 'group' | 'json';

export interface Field {
  name: string;
  title: string;
  help: string;
  kind: Kind;
  required: boolean;
  /** What counts when nothing is set, in words; or empty. */
  standard: string;
  choices: string[];
  whole: boolean;
  /** What a secret is written as. */
  holds: 'text' | 'number' | 'flag';
  /** Of a group. */
  fields: Field[];
}

/** Fields that belong together: those whose titles begin alike, "Twilio: …". The first section has no title. */
export interface Section {
  title: string;
  fields: Field[];
}

/** The fields of an object's schema, in its order. Below the first level, objects are JSON. */
export function fieldsOf(schema: Schema | undefined, nested = false): Field[] {
  const required = schema?.required ?? [];
  return Object.entries(schema?.properties ?? {}).map(([name, one]) => {
    const kind = kindOf(one, nested);
    return {
      name,
      title: one.title ?? name,
      help: [one.description, bounds(one)].filter(Boolean).join(' '),
      kind,
      required: required.includes(name),
      standard: one.default === undefined ? '' : typeof one.default === 'object' ? JSON.stringify(one.default) : String(one.default),
      choices: kind === 'choice' ? (one.enum ?? []).map(String) : [],
      whole: one.type === 'integer',
      holds: one.type === 'number' || one.type === 'integer' ? 'number' : one.type === 'boolean' ? 'flag' : 'text',
      fields: kind === 'group' ? fieldsOf(one, true) : [],
    };
  });
}

function bounds({ minimum, maximum }: Schema): string {
  return minimum === undefined || maximum === undefined ? '' : `${minimum} to ${maximum}.`;
}

function kindOf(schema: Schema, nested: boolean): Kind {
  switch (schema.type) {
    case 'string':
      if (schema.writeOnly) return 'secret';
      return schema.enum ? 'choice' : 'text';
    case 'number':
    case 'integer':
      return schema.writeOnly ? 'secret' : 'number';
    case 'boolean':
      return schema.writeOnly ? 'secret' : 'flag';
    case 'array':
      return schema.items?.type === 'string' && !schema.writeOnly ? 'list' : 'json';
    case 'object':
      return schema.properties && !nested && !schema.writeOnly ? 'group' : 'json';
  }
  return 'json';
}

/** The fields in sections; groups are sections of their own. */
export function sectionsOf(fields: Field[]): Section[] {
  const sections: Section[] = [{ title: '', fields: [] }];
  for (const field of fields) {
    const [, title = '', rest = field.title] = /^([^:]+): (.+)$/.exec(field.title) ?? [];
    let section = sections.find((one) => one.title === title);
    if (!section) sections.push((section = { title, fields: [] }));
    section.fields.push({ ...field, title: title && rest ? capital(rest) : field.title });
  }
  return sections.filter((section) => section.fields.length > 0);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What stands in a form: texts, as they are typed, and groups of them. Flags are "true", "false" or "", the standard. */
export interface Form {
  [name: string]: string | Form;
}

export function formOf(fields: Field[], settings: Settings = {}): Form {
  return Object.fromEntries(fields.map((field) => [field.name, written(field, settings[field.name])]));
}

function written(field: Field, value: unknown): string | Form {
  if (field.kind === 'group') return formOf(field.fields, groupOf(value));
  if (value === undefined || value === null) return '';
  if (value === hidden) return hidden;
  if (field.kind === 'list' && Array.isArray(value)) return value.join('\n');
  if (field.kind === 'json') return JSON.stringify(value, null, 2);
  return String(value);
}

function groupOf(value: unknown): Settings {
  return typeof value === 'object' && value !== null ? (value as Settings) : {};
}

/**
 * The settings that a form says. What is empty is left out: the connector's standard counts. Settings that the schema
 * does not know stay as they were. What cannot be read is an error with the field's title.
 */
export function settingsOf(fields: Field[], form: Form, before: Settings = {}): Settings {
  const known = new Set(fields.map((field) => field.name));
  const settings: Settings = Object.fromEntries(Object.entries(before).filter(([name]) => !known.has(name)));
  for (const field of fields) {
    const value = read(field, form[field.name], before[field.name]);
    if (value !== undefined) settings[field.name] = value;
  }
  return settings;
}

function read(field: Field, text: string | Form | undefined, before: unknown): unknown {
  if (field.kind === 'group') {
    const group = settingsOf(field.fields, (text ?? {}) as Form, groupOf(before));
    return Object.keys(group).length > 0 ? group : before === hidden ? hidden : undefined;
  }
  if (typeof text !== 'string' || text.trim() === '') return undefined;
  if (text === hidden && before === hidden) return hidden; // whatever it is, it stays as it is
  switch (field.kind === 'secret' ? field.holds : field.kind) {
    case 'number': {
      const value = Number(text);
      if (!Number.isFinite(value)) throw new Error(field.kind === 'secret' ? `${field.title}: this is no number.` : `${field.title}: “${text}” is no number.`);
      return value;
    }
    case 'flag':
      return text === 'true';
    case 'list':
      return text.split('\n').map((line) => line.trim()).filter((line) => line !== '');
    case 'json':
      try {
        return JSON.parse(text) as unknown;
      } catch {
        throw new Error(`${field.title}: this is not JSON.`);
      }
  }
  return text;
}

/** Whether anything is set in a section. */
export function filled(section: Section, form: Form): boolean {
  return section.fields.some((field) => {
    const value = form[field.name];
    return typeof value === 'string' ? value !== '' : value !== undefined && filled({ title: '', fields: field.fields }, value);
  });
}
