// Events of all customers, those that came in last first: GET /api/events.

import { call } from '../api';
import type { Lived } from './customers';

/** What the list is narrowed to; an empty field does not matter. Times are RFC 3339. */
export interface EventFilter {
  event: string;
  type: string;
  customer: string;
  source: string;
  from: string;
  until: string;
  /** true, false or empty. */
  test: string;
  history: string;
}

export const noEventFilter: EventFilter = { event: '', type: '', customer: '', source: '', from: '', until: '', test: '', history: '' };

export const eventTypes = ['track', 'identify', 'page', 'screen', 'group', 'alias'];

/** An event of somebody. */
export interface ListedEvent extends Lived {
  customer: string;
  userId?: string;
  anonymousId?: string;
  test?: boolean;
  history?: boolean;
  event: NonNullable<Lived['event']> & { receivedAt: string };
}

export interface EventsPage {
  events: ListedEvent[];
  /** The cursor of what follows; or empty. */
  next: string;
  looked: number;
  /** Everything that came in later was looked at; null: everything was. */
  back: string | null;
}

/** Reads a filter from the query of the page's address. */
export function readEventFilter(query: string): EventFilter {
  const given = new URLSearchParams(query);
  const filter = { ...noEventFilter };
  for (const field of Object.keys(filter) as (keyof EventFilter)[]) filter[field] = given.get(field) ?? '';
  return filter;
}

export async function getEvents(filter: EventFilter, cursor = '', signal?: AbortSignal): Promise<EventsPage> {
  const query = new URLSearchParams(Object.entries({ ...filter, cursor }).filter(([, value]) => value !== '')).toString();
  const answer = await call<Partial<EventsPage>>('GET', `/api/events${query && `?${query}`}`, undefined, signal);
  return { events: answer.events ?? [], next: answer.next ?? '', looked: answer.looked ?? 0, back: answer.back ?? null };
}

/** By which people know whose event it is. */
export const whose = (one: ListedEvent): string => one.userId ?? one.anonymousId ?? one.customer;

/** One of all, for lists. */
export const keyOf = (one: ListedEvent): string => `${one.customer} ${one.seq}`;
