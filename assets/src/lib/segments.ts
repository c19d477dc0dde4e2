// Segments: who is a member. GET, PUT, POST and DELETE /v1/segments.
import { call } from '../api';
import { getPage, type Page } from './paged.svelte';

export interface Failure {
  file: string;
  line: number;
  message: string;
  hint?: string;
}

export interface Segment {
  name: string;
  title: string;
  note?: string;
  members: number;
  failure?: Failure;
}

export interface Segments {
  segments: Segment[];
  walking: boolean;
  walked: number;
  problem?: Failure;
}

export interface Rule {
  kind: string;
  name?: string;
  property?: string | undefined;
  is?: string | undefined;
  value?: string | number | boolean | undefined;
  window?: string | undefined;
  number?: number | undefined;
  amount?: number | undefined;
  not?: boolean;
}

export interface Filter {
  title: string;
  note?: string;
  any?: boolean;
  rules: Rule[];
}

export interface SegmentFile {
  name: string;
  text: string;
  filter?: Filter;
}

export interface Member {
  id: string;
  userId?: string;
  anonymousId?: string;
  email?: unknown;
  name?: unknown;
}

/** What a rule of each kind asks for. */
export const kinds: { kind: string; label: string; name?: string; window?: boolean; number?: string; property?: boolean; value?: string; amount?: boolean; is?: string[] }[] = [
  { kind: 'count', label: 'number of events', name: 'Event', window: true, number: 'Number', is: ['more', 'less'] },
  { kind: 'sum', label: 'sum over events', name: 'Event', property: true, window: true, number: 'Sum', is: ['more', 'less'] },
  { kind: 'trait', label: 'trait', name: 'Trait', value: 'Value', is: ['equal', 'more', 'less', 'contains', 'known'] },
  { kind: 'tag', label: 'has tag', name: 'Tag' },
  { kind: 'stage', label: 'in stage', name: 'Journey', value: 'Stage' },
  { kind: 'stayed', label: 'in stage for', name: 'Journey', value: 'Stage', window: true },
  { kind: 'sent', label: 'was sent', name: 'Message (empty: any)', window: true, number: 'At least' },
  { kind: 'opened', label: 'has opened', name: 'Message (empty: any)', window: true, number: 'At least' },
  { kind: 'clicked', label: 'has clicked', name: 'Message (empty: any)', window: true, number: 'At least' },
  { kind: 'score', label: 'score at least', name: 'Score (empty: the one)', number: 'Points' },
  { kind: 'rfm', label: 'has bought', window: true, number: 'Orders', amount: true },
  { kind: 'rank', label: 'buyer rank at least', name: 'r, f or m', number: 'Rank 1 to 5' },
  { kind: 'segment', label: 'in segment', name: 'Segment' },
];

function path(name: string, what = ''): string {
  return `/v1/segments/${encodeURIComponent(name)}${what}`;
}

export function listSegments(): Promise<Segments> {
  return call('GET', '/v1/segments');
}

export function getSegment(name: string): Promise<SegmentFile> {
  return call('GET', path(name));
}

export function membersOf(name: string, cursor = '', signal?: AbortSignal): Promise<Page<Member>> {
  return getPage(path(name, '/members'), 'members', { limit: '50', cursor }, signal);
}

export function saveSegment(name: string, edit: { text?: string; filter?: Filter; base: string | null }): Promise<SegmentFile> {
  return call('PUT', path(name), edit);
}

export function removeSegment(name: string): Promise<void> {
  return call('DELETE', path(name));
}

/** A value as somebody types it: a number or true and false where it is one. */
export function typed(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}
