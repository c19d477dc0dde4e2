// Events of all customers, those that came in last first: GET /api/events.

import type { Lived } from './customers';
import { asSent } from './json';
import { getPage, type Page } from './paged.svelte';

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

/** Reads a filter from the query of the page's address. */
export function readEventFilter(query: string): EventFilter {
  const given = new URLSearchParams(query);
  const filter = { ...noEventFilter };
  for (const field of Object.keys(filter) as (keyof EventFilter)[]) filter[field] = given.get(field) ?? '';
  return filter;
}

export function getEvents(filter: EventFilter, cursor = '', signal?: AbortSignal): Promise<Page<ListedEvent>> {
  return getPage('/api/events', 'events', { ...filter, cursor }, signal, asSent);
}

/** By which people know whose event it is. */
export const whose = (one: ListedEvent): string => one.userId ?? one.anonymousId ?? one.customer;

/** One of all, for lists. */
export const keyOf = (one: ListedEvent): string => `${one.customer} ${one.seq}`;
