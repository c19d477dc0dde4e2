// The queue of the call centre: GET and POST /v1/calls.

import { call } from '../api';
import { upright } from './format';
import { asSent } from './json';

export type CallState = 'open' | 'claimed' | 'closed' | 'dropped';

/** Which part of the queue is listed. */
export type CallView = 'open' | 'held' | 'later' | 'claimed' | 'closed';

export interface Call {
  ref: string;
  user: string;
  customer: string;
  /** The customer's name, in a list. */
  called?: string;
  journey: string;
  stage: string;
  name: string;
  kind: string;
  number: string;
  /** Why the customer is called. */
  reason: string;
  /** What the agent reads. */
  text: string;
  priority: 'agreed' | 'high' | 'normal' | 'low';
  state: CallState;
  /** Why it waits or was dropped. */
  because?: string;
  opened: string;
  /** From when on it may be claimed; of a claimed one, when its lease ends. */
  due: string;
  agreed: boolean;
  agent?: string;
  claimed?: string;
  closed?: string;
  disposition?: string;
  note?: string;
  log: CallEntry[];
}

export interface CallEntry {
  at: string;
  agent?: string;
  what: string;
  note?: string;
  until?: string;
}

export interface Known {
  traits: Record<string, unknown> | null;
  tags: string[] | null;
  created: string;
  events: { at: string; name: string; properties?: Record<string, unknown> }[];
}

export interface CallList {
  at: string;
  calls: Call[];
  /** How many may be claimed now. */
  waiting: number;
  more: boolean;
  dispositions: string[];
}

function path(ref: string, what: string): string {
  return `/v1/calls/${encodeURIComponent(ref)}/${what}`;
}

export function listCalls(view: CallView, agent = '', signal?: AbortSignal): Promise<CallList> {
  const query = new URLSearchParams({ state: view, limit: '50', ...(agent ? { agent } : {}) });
  return call('GET', `/v1/calls?${query}`, undefined, signal);
}

export function getCall(ref: string): Promise<Call & { known: Known | null }> {
  return call('GET', `/v1/calls/${encodeURIComponent(ref)}`, undefined, undefined, asSent);
}

/** Claims the call that is to be made first; null if none waits. */
export async function nextCall(agent: string): Promise<Call | null> {
  return (await call<{ call: Call | null }>('POST', '/v1/calls/next', { agent })).call;
}

export function claimCall(ref: string, agent: string): Promise<Call> {
  return call('POST', path(ref, 'claim'), { agent });
}

export function releaseCall(ref: string, agent: string): Promise<Call> {
  return call('POST', path(ref, 'release'), { agent });
}

/** Ends a call; until is the agreed time of a call back. */
export function closeCall(ref: string, ending: { agent: string; disposition: string; note: string; until?: string }): Promise<Call> {
  return call('POST', path(ref, 'close'), ending);
}

/** What an agent has written down of a call that they have not closed yet. */
export interface Jotted {
  disposition: string;
  note: string;
  until: string;
}

const jottedKey = (ref: string) => `stagecraft-call-${ref}`;

/** What was written down of a call: this tab knows it until the call is closed, also when its page was left or loaded again. */
export function jotted(ref: string): Jotted {
  const empty = { disposition: '', note: '', until: '' };
  try {
    return { ...empty, ...(JSON.parse(sessionStorage.getItem(jottedKey(ref)) ?? '{}') as Partial<Jotted>) };
  } catch {
    return empty;
  }
}

/** Keeps what was written down of a call; null: the call is closed. */
export function jot(ref: string, what: Jotted | null): void {
  try {
    if (what && Object.values(what).some((text) => text !== '')) sessionStorage.setItem(jottedKey(ref), JSON.stringify(what));
    else sessionStorage.removeItem(jottedKey(ref));
  } catch {
    // It is kept for as long as the page shows it.
  }
}

/** "wrong-number" -> "Wrong number" */
export function words(name: string): string {
  const text = name.replace(/-/g, ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A time as a field of the type datetime-local has it: in the zone of whoever looks, to the minute. */
export function localField(time: number): string {
  const at = new Date(time);
  const two = (n: number) => String(n).padStart(2, '0');
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** How long a call goes on, or how long an agent has it: "4:07". */
export function clock(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** What a customer's trait says in one line. */
export function fact(value: unknown): string {
  return upright(typeof value === 'string' ? value : JSON.stringify(value));
}

/** When a call back was agreed for: "Mon 14:30" within the week, else with its date. */
export function agreed(text: string, now: number): string {
  const time = Date.parse(text);
  const clock: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit' };
  const near = time - now < 6 * 86_400_000;
  return new Intl.DateTimeFormat('en-GB', near ? { weekday: 'short', ...clock } : { day: 'numeric', month: 'short', ...clock }).format(time);
}
