// The console's API of what is kept: imports, exports, and for how long.
import { call, failureOf } from '../api';

export interface ImportReject {
  /** Its place in the file; none: not said. */
  line?: number;
  message: string;
  field?: string;
}

export interface Import {
  source: string;
  /** None: only a mapping is saved for it. */
  state?: 'open' | 'closing' | 'closed';
  /** It brings the past: nobody gets a message. */
  history?: boolean;
  /** Of its latest run. */
  began?: string;
  ended?: string;
  aborted?: boolean;
  runs?: number;
  /** What became of the rows of its latest run; of one before the program started there is none. */
  taken?: { accepted: number; duplicates: number; late: number; rejected: number; last: string; rejects: ImportReject[] };
  /** How its files are read, as it was saved. */
  mapping?: unknown;
}

/** GET /v1/privacy. Zero days or hours: for ever, or not by itself. */
export interface Privacy {
  keepEvents: number;
  keepAnonymous: number;
  keepBodies: number;
  /** Hours. */
  rewriteAfter: number;
  /** Identities of which nothing but a keyed hash is kept. */
  erased: number;
  /** Files still have what was removed, since then. */
  waiting: boolean;
  since?: string;
  rewriting: boolean;
  rewritten?: string;
  /** Bytes; what it took in nanoseconds. */
  last?: { keys: number; before: number; after: number; took: number; paused: number };
  problem?: string;
}

const path = (source: string, what: string) => `/api/imports/${encodeURIComponent(source)}/${what}`;

export async function listImports(signal?: AbortSignal): Promise<Import[]> {
  return (await call<{ imports: Import[] }>('GET', '/api/imports', undefined, signal)).imports;
}

/**
 * Ends an import that was left open, or goes on with its end, a part of it with each call; abort: what it has not lived through is
 * dropped. One whose end was begun ends as it was begun.
 */
export async function endImport(source: string, abort: boolean): Promise<void> {
  for (;;) {
    const { state } = await call<{ state: string }>('POST', path(source, abort ? 'abort' : 'close'));
    if (state === 'closed') return;
  }
}

export async function forgetMapping(source: string): Promise<void> {
  await call('DELETE', path(source, 'mapping'));
}

export function getPrivacy(signal?: AbortSignal): Promise<Privacy> {
  return call('GET', '/v1/privacy', undefined, signal);
}

export async function startRewrite(): Promise<void> {
  await call('POST', '/v1/privacy/rewrite');
}

export const kinds = ['customers', 'events', 'messages', 'decisions'] as const;
export type Kind = (typeof kinds)[number];
export type Format = 'csv' | 'ndjson';

/** Reads an export to its end, page after page; told gets the bytes so far. */
export async function exportAll(kind: Kind, format: Format, told: (bytes: number) => void, signal: AbortSignal): Promise<Blob> {
  const parts: Blob[] = [];
  let [cursor, bytes] = ['', 0];
  do {
    const query = new URLSearchParams(cursor ? { format, cursor } : { format });
    const response = await fetch(`/v1/export/${kind}?${query}`, { credentials: 'same-origin', cache: 'no-store', signal });
    if (!response.ok) throw failureOf(response, await response.json().catch(() => undefined));
    const part = await response.blob();
    parts.push(part);
    told((bytes += part.size));
    cursor = response.headers.get('X-Next-Cursor') ?? '';
  } while (cursor !== '');
  return new Blob(parts, { type: format === 'csv' ? 'text/csv' : 'application/x-ndjson' });
}

/** Hands a file to whoever looks at the page. */
export function save(file: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Webhooks are signed with one secret, or with two while receivers change over. */
export async function webhooksChange(signal?: AbortSignal): Promise<boolean> {
  return (await call<{ changing: boolean }>('GET', '/api/webhooks', undefined, signal)).changing;
}

/** Draws a new secret, which is told this once. */
export async function rotateSecret(): Promise<string> {
  return (await call<{ secret: string }>('POST', '/api/webhooks/secret')).secret;
}

export async function finishSecret(): Promise<void> {
  await call('DELETE', '/api/webhooks/secret');
}

/** A size for people: 1.5 MB. */
export function bytesOf(size: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB'];
  const step = Math.min(units.length - 1, size < 1000 ? 0 : Math.floor(Math.log10(size) / 3));
  const value = size / 1000 ** step;
  return `${step > 0 && value < 100 ? value.toFixed(1) : Math.round(value)} ${units[step]}`;
}

/** Days or hours for people; 0: never. */
export function lasting(count: number, unit: 'day' | 'hour', never: string): string {
  return count === 0 ? never : `${count.toLocaleString('en')} ${unit}${count === 1 ? '' : 's'}`;
}

