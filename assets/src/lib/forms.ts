// The forms of the scripts folder, and how they do: GET /api/forms.

import { call } from '../api';

/** What is said, by language; en is for everybody else. */
export type Texts = Record<string, string>;

export interface FormFigures {
  sent: number;
  /** For their address to be confirmed. */
  waiting: number;
  confirmed: number;
  /** The address had been asked too often. */
  quiet: number;
  rewards: number;
  expired: number;
  last?: string;
}

export interface Form {
  name: string;
  url: string;
  title: Texts;
  fields: { name: string; label?: Texts; type: string; required: boolean; options?: { value: string; label: Texts }[] }[];
  consents: { name: string; label: Texts; channel?: string; topic?: string; required: boolean }[];
  optIn: string;
  file: string;
  reward?: string;
  after?: string;
  /** Its file is not there any more. */
  gone?: boolean;
  figures: FormFigures;
  /** Turned away since the server started. */
  machines: number;
  tooMany: number;
  warning?: string;
}

export interface FormList {
  at: string;
  forms: Form[];
  problems: { message: string; hint?: string; file?: string; line?: number }[];
  referralUrl: string;
  referralEvent: string;
}

export function listForms(signal?: AbortSignal): Promise<FormList> {
  return call('GET', '/api/forms', undefined, signal);
}

/** The page's own form in plain HTML, for a site that names itself in the form's origins. */
export function embedded(form: Form): string {
  const text = (value: string) => value.replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;');
  const lines = form.fields.flatMap((field) => {
    const label = text(field.label?.en ?? field.name);
    const name = `name="${field.name}"`;
    const needed = field.required ? ' required' : '';
    const options = (field.options ?? []).map((one) => ({ value: `value="${text(one.value)}"`, label: text(one.label.en ?? one.value) }));
    switch (field.type) {
      case 'hidden':
        return [`  <input type="hidden" ${name} value="">`]; // what the site knows
      case 'choice':
        return [`  <label>${label} <select ${name}${needed}>`, '    <option></option>', ...options.map((one) => `    <option ${one.value}>${one.label}</option>`), '  </select></label>'];
      case 'choices':
        return [`  <fieldset><legend>${label}</legend>`, ...options.map((one) => `    <label><input type="checkbox" ${name} ${one.value}> ${one.label}</label>`), '  </fieldset>'];
      case 'long':
        return [`  <label>${label} <textarea ${name}${needed}></textarea></label>`];
      case 'yes':
        return [`  <label><input type="checkbox" ${name} value="true"${needed}> ${label}</label>`];
      default: {
        const type = { email: 'email', phone: 'tel', date: 'date' }[field.type] ?? 'text';
        return [`  <label>${label} <input type="${type}" ${name}${needed}></label>`];
      }
    }
  });
  const boxes = form.consents.map(
    (box) => `  <label><input type="checkbox" name="${box.name}" value="yes"${box.required ? ' required' : ''}> ${text(box.label.en ?? box.name)}</label>`,
  );
  return [`<form method="post" action="${text(form.url)}">`, ...lines, ...boxes, '  <button>Send</button>', '</form>'].join('\n');
}
