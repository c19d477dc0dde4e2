// What is open stands in the address behind the #, so that it can be sent to a colleague and Back closes it.
//
//   #/journey/NAME              a journey
//   #/journey/NAME/FILE[:LINE]  one of its files: a stage's page
//   #/edit/NAME/FILE[:LINE]     the same file in the editor
//   #/message/REF               a message
//   #/customers/ID              a customer, by any identity
//   #/NAME[?QUERY]              a page of its own, see pages.ts

import { pages } from './pages';

export interface Route {
  journey: string;
  file: string;
  line: number;
  edit: boolean;
  message: string;
  /** A page beside the journeys, and what stands behind its ?. */
  page: string;
  query: string;
}

export const nowhere: Route = { journey: '', file: '', line: 0, edit: false, message: '', page: '', query: '' };

export function parseRoute(hash: string): Route {
  const [, page = '', query = ''] = /^#\/([a-z]+)(?:\?(.*))?$/.exec(hash) ?? [];
  if (pages.some((one) => one.name === page)) return { ...nowhere, page, query };
  const parts = hash.replace(/^#\/?/, '').split('/').map(decode);
  const [kind, name = '', ...rest] = parts;
  if (kind === 'customers' && name) return { ...nowhere, page: kind, query: new URLSearchParams({ id: [name, ...rest].join('/') }).toString() };
  if (kind === 'message' && name) return { ...nowhere, message: name };
  if ((kind === 'journey' || kind === 'edit') && name) {
    const [, file = '', line = ''] = /^(.*?)(?::(\d+))?$/.exec(rest.join('/')) ?? [];
    return { ...nowhere, journey: name, file, line: Number(line), edit: kind === 'edit' && file !== '' };
  }
  return nowhere;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function journeyHash(journey: string): string {
  return `#/journey/${encodeURIComponent(journey)}`;
}

export function fileHash(journey: string, file: string, line = 0): string {
  const name = file.startsWith(`${journey}/`) ? file.slice(journey.length + 1) : file;
  return `${journeyHash(journey)}/${name.split('/').map(encodeURIComponent).join('/')}${line > 0 ? `:${line}` : ''}`;
}

export function editHash(journey: string, file: string, line = 0): string {
  return fileHash(journey, file, line).replace('#/journey/', '#/edit/');
}

/** Where a problem that was found with a journey is mended: in the editor, or on the page of the segment that it is in. */
export function problemHash(journey: string, problem: { file: string; line: number }): string {
  return segmentHash(problem.file) || editHash(journey, problem.file, problem.line);
}

/** The page of a segment, by its file; empty if the file is none of a segment. */
export function segmentHash(file: string): string {
  const [, segment = ''] = /^segments\/(.+)\.lua$/.exec(file) ?? [];
  return segment && pageHash('segments', { name: segment });
}

export function messageHash(ref: string): string {
  return `#/message/${encodeURIComponent(ref)}`;
}

/** The address of a customer, by their ID or any identity. */
export function customerHash(who: string): string {
  return `#/customers/${encodeURIComponent(who)}`;
}

/** The address of a page; fields that are empty are left out. */
export function pageHash(page: string, fields: Record<string, string> = {}): string {
  const query = new URLSearchParams(Object.entries(fields).filter(([, value]) => value !== '')).toString();
  return `#/${page}${query === '' ? '' : `?${query}`}`;
}
