// Who is meant: by a broadcast, or by a bulk of moves.

import { failureOf } from '../api';

export interface Condition {
  trait: string;
  is: 'equal' | 'not equal' | 'known' | 'unknown' | 'more' | 'less' | 'contains';
  value?: string | number | boolean;
}

export interface Audience {
  everybody?: boolean;
  list?: boolean;
  where?: Condition[];
  journey?: string;
  stage?: string;
  segment?: string;
}

export interface Added {
  added: number;
  again: number;
  unknown: number;
  names: string[];
}

/** What somebody wrote as a value: a number, true or false, else a text. */
export function valueOf(text: string): string | number | boolean {
  const trimmed = text.trim();
  if (trimmed === 'true' || trimmed === 'false') return trimmed === 'true';
  return trimmed !== '' && Number.isFinite(Number(trimmed)) ? Number(trimmed) : trimmed;
}

/** An audience while it is edited. Only who says so means everybody. */
export class AudienceDraft {
  who = $state<'everybody' | 'list' | 'filter'>('filter');
  where = $state<{ trait: string; is: Condition['is']; value: string }[]>([]);
  journey = $state('');
  stage = $state('');
  segment = $state('');

  constructor(before?: Audience) {
    this.who = before?.list ? 'list' : before?.everybody ? 'everybody' : 'filter';
    this.where = (before?.where ?? []).map((one) => ({ trait: one.trait, is: one.is, value: one.value === undefined ? '' : String(one.value) }));
    this.journey = before?.journey ?? '';
    this.stage = before?.stage ?? '';
    this.segment = before?.segment ?? '';
  }

  /** The audience as the server takes it. */
  get value(): Audience {
    if (this.who === 'list') return { list: true };
    if (this.who === 'everybody') return { everybody: true };
    return {
      where: this.where.map(({ trait, is, value }) => ({ trait: trait.trim(), is, ...(is === 'known' || is === 'unknown' ? {} : { value: valueOf(value) }) })),
      journey: this.journey,
      stage: this.journey ? this.stage : '',
      segment: this.segment,
    };
  }
}

/** Puts the customers of a file on a list; the file is packed on its way. */
export async function addToList(address: string, file: Blob): Promise<Added> {
  const packed = await new Response(file.stream().pipeThrough(new CompressionStream('gzip'))).arrayBuffer();
  const response = await fetch(address, {
    method: 'POST',
    body: packed,
    credentials: 'same-origin',
    headers: { 'X-Stagecraft': 'console', 'Content-Type': 'application/octet-stream' },
  });
  const value = (await response.json()) as Added;
  if (!response.ok) throw failureOf(response, value);
  return value;
}
