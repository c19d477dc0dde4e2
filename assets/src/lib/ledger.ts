// The ledger's API: the list of messages, and what operators order about those that are queued.

import { call, type Message, type MessageDetail } from '../api';
import { getPage, type Page } from './paged.svelte';

/** What a list of messages is narrowed to; an empty field does not matter. Times are RFC 3339. */
export interface Filter {
  channel: string;
  journey: string;
  name: string;
  state: string;
  kind: string;
  customer: string;
  from: string;
  until: string;
}

/** What a message may be asked for as a state: how it stands, what came back of it, and that nobody knows whether it left. */
export const states = [
  { title: 'How it stands', states: ['queued', 'accepted', 'failed', 'suppressed', 'expired', 'held', 'cancelled'] },
  { title: 'What came back of it', states: ['delivered', 'opened', 'clicked', 'replied', 'bounced', 'complained', 'dismissed', 'in doubt'] },
];

/** What became of a message after it was handed over, in words; empty if nothing is known. */
export function afterwards(message: Pick<Message, 'state' | 'inDoubt' | 'answers'>): string {
  const doubt = message.inDoubt > 0 && message.state !== 'held' ? ['in doubt'] : [];
  return [...doubt, ...(message.answers ?? [])].join(', ');
}

export const noFilter: Filter = { channel: '', journey: '', name: '', state: '', kind: '', customer: '', from: '', until: '' };

/** Reads a filter from the query of the page's address. */
export function readFilter(query: string): Filter {
  const given = new URLSearchParams(query);
  const filter = { ...noFilter };
  for (const field of Object.keys(filter) as (keyof Filter)[]) filter[field] = given.get(field) ?? '';
  return filter;
}

/** What a pause or a cancellation covers; an empty field covers all. */
export type Target = Pick<Filter, 'channel' | 'journey' | 'name'> & { /** transactional or marketing. */ kind?: string; /** Where webhooks go, without the query. */ endpoint?: string };

/** "journey customer-lifecycle, message welcome": in words, or empty. */
export function targetText(target: Partial<Target>): string {
  return (
    [
      ['channel', target.channel],
      ['journey', target.journey],
      ['message', target.name],
      ['endpoint', target.endpoint],
      ['kind', target.kind],
    ] as const
  )
    .filter(([, name]) => name)
    .map(([what, name]) => `${what} ${name}`)
    .join(', ');
}

export function getLedger(filter: Filter, cursor = '', signal?: AbortSignal): Promise<Page<Message>> {
  return getPage('/api/messages', 'messages', { ...filter, cursor }, signal);
}

export interface Order extends Partial<Target> {
  by: string;
  why?: string;
  /** The year 1: it is a setting of the server's start. */
  at: string;
}

export interface Cancellation extends Order {
  id: string;
  done: boolean;
  count: number;
}

/** GET /api/orders */
export interface Orders {
  pauses: Order[];
  /** Of the last seven days, newest first. */
  cancels: Cancellation[];
  /** Of an order just given: what may be wrong with it. */
  note?: string;
}

export function getOrders(signal?: AbortSignal): Promise<Orders> {
  return call('GET', '/api/orders', undefined, signal);
}

/** Gives an order and returns those in force. */
export function giveOrder(what: 'pause' | 'resume' | 'cancel', target: Partial<Target>, why = ''): Promise<Orders> {
  const { channel = '', journey = '', name = '', endpoint = '', kind = '' } = target;
  return call('POST', `/api/orders/${what}`, { channel, journey, name, endpoint, kind, why });
}

/** Sends all of a target anyway that is held because it may have left, and returns how many there were. */
export async function sendAllHeld(target: Target, why: string): Promise<number> {
  return (await call<{ sent: number }>('POST', '/api/orders/send', { ...target, why })).sent;
}

export function cancelMessage(ref: string): Promise<MessageDetail> {
  return call('POST', `/api/messages/${encodeURIComponent(ref)}/cancel`, {});
}

/** Sends a message anyway that is held because it may have left. */
export function sendHeld(ref: string): Promise<MessageDetail> {
  return call('POST', `/api/messages/${encodeURIComponent(ref)}/send`, {});
}

/** Posts a webhook once more. */
export function replayMessage(ref: string): Promise<MessageDetail> {
  return call('POST', `/api/messages/${encodeURIComponent(ref)}/replay`, {});
}

/** Posts webhooks once more that have failed since a time; there is more to do as long as it returns a next cursor. */
export function replayWebhooks(
  wanted: { since: string; endpoint: string; journey: string; name: string },
  cursor: string,
): Promise<{ replayed: number; next?: string }> {
  return call('POST', '/api/webhooks/replay', { ...wanted, cursor });
}
