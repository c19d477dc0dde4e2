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
  fields: { name: string; label?: Texts; type: string; required: boolean }[];
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
  const lines = form.fields
    .filter((field) => field.type !== 'hidden' && field.type !== 'choices')
    .map((field) => {
      const type = { email: 'email', phone: 'tel', date: 'date', yes: 'checkbox' }[field.type] ?? 'text';
      return `  <label>${text(field.label?.en ?? field.name)} <input type="${type}" name="${field.name}"${field.required ? ' required' : ''}></label>`;
    });
  const boxes = form.consents.map(
    (box) => `  <label><input type="checkbox" name="${box.name}" value="yes"${box.required ? ' required' : ''}> ${text(box.label.en ?? box.name)}</label>`,
  );
  return [`<form method="post" action="${text(form.url)}">`, ...lines, ...boxes, '  <button>Send</button>', '</form>'].join('\n');
}
