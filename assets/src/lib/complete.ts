// What can be completed at a place in a script. Pure: the text before the cursor goes in, the options come out.
import type { Word } from '../workshop';

export interface Option {
  label: string;
  type: 'function' | 'keyword' | 'text' | 'variable' | 'property';
  /** Beside the label: the signature. */
  detail: string;
  info: string;
  /** What is written instead of the label. */
  apply?: string;
}

export interface Completions {
  /** How many characters before the cursor are replaced. */
  back: number;
  options: Option[];
}

/** What a journey has names for. */
export interface Names {
  stages: string[];
  messages: string[];
  events: string[];
  helpers: string[];
}

const keywords = 'and break do else elseif end false for function if in local nil not or repeat return then true until while'.split(' ');

/** The message names among the files of a journey: "messages/thank-you.email.vi.liquid" -> "thank-you". */
export function messageNames(files: string[]): string[] {
  const names = files.flatMap((file) => /^messages\/([^./]+)\.[^/]*liquid$/.exec(file)?.[1] ?? []);
  return [...new Set(names)].sort();
}

/** What a file says of a message: "messages/thank-you.email.vi.liquid". Null for layouts, partials and scripts. */
export function messageFile(file: string): { name: string; channel: string; locale: string } | null {
  const [, name = '', channel = '', locale = ''] = /^messages\/([^./]+)\.([a-z]+)(?:\.([A-Za-z0-9-]+))?\.liquid$/.exec(file) ?? [];
  return name ? { name, channel, locale } : null;
}

/** The event names that scripts mention: on("Order Completed", …), goal = "…", count("…"). */
export function eventNames(sources: string[]): string[] {
  const found = new Set<string>();
  const pattern = /\b(?:on|idle|count|sum|last|track|wait_for)\s*\(?\s*["']([^"'\n]+)["']|\bgoal\s*=\s*["']([^"'\n]+)["']/g;
  for (const source of sources) for (const match of source.matchAll(pattern)) found.add(match[1] ?? match[2] ?? '');
  found.delete('');
  return [...found].sort();
}

// The string that is being written, and which word it is the first argument of.
const inString = /\b(send|move|on|idle|count|sum|last|track|wait_for|use|next|goal)\s*(?:\(\s*|=\s*|\s)(["'])([^"'\n]*)$/;
const field = /\b([a-z_]+)\.([A-Za-z_]*)$/;
const name = /(?:^|[^\w.:"'])([A-Za-z_]\w*)$/;

/** null: nothing is to be said here. asked: somebody pressed the key for it. */
export function complete(before: string, words: Word[], names: Names, asked: boolean): Completions | null {
  const line = before.slice(before.lastIndexOf('\n') + 1);
  const string = inString.exec(line);
  if (string) {
    const [, word = '', , typed = ''] = string;
    const list = { send: names.messages, move: names.stages, next: names.stages, use: names.helpers }[word] ?? names.events;
    return { back: typed.length, options: list.map((label) => ({ label, type: 'text', detail: '', info: '' })) };
  }
  // Inside of other text nothing is completed.
  if (/--/.test(line) || (line.match(/"/g)?.length ?? 0) % 2 === 1 || (line.match(/'/g)?.length ?? 0) % 2 === 1) return null;
  const member = field.exec(line);
  if (member) {
    const [, of = '', typed = ''] = member;
    const options = words.filter((word) => word.name.startsWith(`${of}.`)).map((word) => optionOf(word, word.name.slice(of.length + 1), 'property'));
    return options.length > 0 ? { back: typed.length, options } : null;
  }
  const typed = name.exec(line)?.[1] ?? '';
  if (typed === '' && !asked) return null;
  return {
    back: typed.length,
    options: [
      ...words.filter((word) => !/[.:]/.test(word.name)).map((word) => optionOf(word, word.name, 'function')),
      ...keywords.map((label): Option => ({ label, type: 'keyword', detail: '', info: '' })),
    ],
  };
}

function optionOf(word: Word, label: string, type: Option['type']): Option {
  return { label, type, detail: word.signature.startsWith(label) ? word.signature.slice(label.length) : word.signature, info: word.doc };
}
