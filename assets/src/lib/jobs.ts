// Work on many customers that is drafted, looked at, started, paused, resumed and stopped: broadcasts and bulks, whose
// requests have one form.

import { call } from '../api';
import { addToList, type Added } from './audience.svelte';
import { getPage, type Page } from './paged.svelte';

export type Order = 'start' | 'pause' | 'resume' | 'stop';

export interface Jobs<Job, Definition, Ahead> {
  /** A page of the list, the newest first. */
  list(cursor: string, signal?: AbortSignal): Promise<Page<Job>>;
  get(name: string, signal?: AbortSignal): Promise<Job>;
  save(name: string, definition: Definition): Promise<Job>;
  /** Makes a draft; it is an error if there is one of that name. */
  create(name: string, definition: Definition): Promise<Job>;
  remove(name: string): Promise<void>;
  order(name: string, what: Order): Promise<Job>;
  /** What it would do if it were started now. */
  ahead(name: string): Promise<Ahead>;
  /** Puts the customers of a file on the list. */
  fill(name: string, file: Blob): Promise<Added>;
  /** The address of one of them, or of what belongs to it. */
  path(name: string, what?: string): string;
}

/** The jobs of a kind, by its plural: /api/bulks. */
export function jobsOf<Job, Definition, Ahead>(kind: string): Jobs<Job, Definition, Ahead> {
  const path = (name: string, what = '') => `/api/${kind}/${encodeURIComponent(name)}${what}`;
  return {
    list: (cursor, signal) => getPage(`/api/${kind}`, kind, { cursor }, signal),
    get: (name, signal) => call('GET', path(name), undefined, signal),
    save: (name, definition) => call('PUT', path(name), definition),
    create: (name, definition) => call('PUT', path(name, '?new=true'), definition),
    remove: (name) => call('DELETE', path(name)),
    order: (name, what) => call('POST', path(name, `/${what}`), {}),
    ahead: (name) => call('POST', path(name, '/ahead'), {}),
    fill: (name, file) => addToList(path(name, '/list'), file),
    path,
  };
}
