// Why something happened to a customer, or did not, and whether their state follows from their events.

import { call } from '../api';
import { asSent } from './json';

export interface Place {
  file: string;
  line: number;
}

export interface WhyScript extends Place {
  journey: string;
  stage: string;
  version: string;
  /** As it is registered: on "Order Completed". */
  handler: string;
  resumed?: boolean;
  lines: Place[];
  reads: (Place & { what: string; value: unknown })[];
  /** held is null where lines do not tell. */
  conditions: (Place & { text: string; held: boolean | null })[];
  ended: string;
}

export interface WhyDecision {
  at: string;
  cause: string;
  effects: string[];
  scripts: WhyScript[];
  /** Of a message: what it met on its way out. */
  gates?: { at: string; text: string }[];
  ref?: string;
}

export interface Why {
  customer: string;
  user: string;
  answer: string[];
  journeys: { journey: string; mode: string; stage: string; since?: string; because: string; waits: string[] }[];
  decisions: WhyDecision[];
  missed: (Place & { journey: string; stage?: string; handler: string; reasons: string[] })[];
  exact: boolean;
  notes: string[];
}

export interface Replayed {
  equal: boolean;
  events: number;
  facts: number;
  scripts: number;
  differences: { field: string; stored: string; replayed: string }[];
  more?: number;
  notes: string[];
}

const path = (user: string, what: string) => `/v1/customers/${encodeURIComponent(user)}/${what}`;

/** Why a customer is where they are; with a message's name or reference, why they did or did not get it. */
export function getWhy(user: string, message = '', signal?: AbortSignal): Promise<Why> {
  return call<Why>('GET', path(user, 'why') + (message && `?message=${encodeURIComponent(message)}`), undefined, signal, asSent);
}

/** Lives the customer's events again and compares. */
export function getReplay(user: string, signal?: AbortSignal): Promise<Replayed> {
  return call<Replayed>('GET', path(user, 'replay'), undefined, signal);
}

/** "12–14, 20" */
export function spans(places: Place[]): string {
  const lines = [...new Set(places.map((one) => one.line))].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let i = 0; i < lines.length; ) {
    let end = i;
    while (lines[end + 1] === lines[end]! + 1) end++;
    parts.push(end > i ? `${lines[i]}–${lines[end]}` : `${lines[i]}`);
    i = end + 1;
  }
  return parts.join(', ');
}
