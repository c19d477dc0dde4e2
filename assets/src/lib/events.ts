// Events of all customers, those that came in last first: GET /api/events.

import type { Lived } from './customers';
import { upright } from './format';
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

/** Who said so: a source, a page, or, as the customer's page has it, the api; "" for our own scripts. A refusal says itself where. */
export function tellerOf({ event }: ListedEvent): string {
  const where = /^(Uns|S)ubscribed$/.test(event.event ?? '') ? event.properties?.source : '';
  return event.source || (event.public ? 'browser key' : event.made ? '' : typeof where === 'string' && where ? upright(where) : 'api');
}

/** One of all, for lists. */
export const keyOf = (one: ListedEvent): string => `${one.customer} ${one.seq}`;
