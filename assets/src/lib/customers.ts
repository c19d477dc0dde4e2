// Customers: who there is, one of them, and their life. GET /v1/customers, and below it.

import { call } from '../api';
import { short, upright } from './format';
import { asSent } from './json';

export interface Identity {
  /** user, anonymous, email, phone, device or external:NAME. */
  kind: string;
  value: string;
}

export interface Listed {
  id: string;
  userId?: string;
  anonymousId?: string;
  name?: unknown;
  email?: unknown;
  phone?: unknown;
  created: string;
  seen: string;
  test?: boolean;
  stages: { journey: string; stage: string; entered: string }[];
  /** Of a search: the identity that was asked for. */
  by?: Identity;
  /** The identity leads to somebody else; they have it as well. */
  claimed?: boolean;
}

export interface Trait {
  name: string;
  value: unknown;
  /** Not known of old ones. */
  source?: string;
  at?: string;
  /** Why it has no effect. */
  wrong?: string;
}

export interface StageChange {
  at: string;
  kind: 'entered' | 'moved' | 'placed' | 'exited' | 'converted' | 'refused';
  from?: string;
  to?: string;
  text: string;
  file?: string;
  line?: number;
}

export interface Wait {
  due: string;
  event?: string;
  /** Seconds. */
  silence?: number;
  file?: string;
  line?: number;
}

export interface Visit {
  journey: string;
  /** Empty: they have left the journey. */
  stage: string;
  entered?: string;
  converted?: boolean;
  waits: Wait[];
  /** Newest first. */
  history: StageChange[];
}

export interface Customer {
  id: string;
  userId?: string;
  anonymousId?: string;
  created: string;
  seen: string;
  test?: boolean;
  import?: string;
  identities: Identity[];
  traits: Trait[];
  tags: string[];
  acquired?: { source?: string; medium?: string; campaign?: string; referrer?: string; landing?: string; by?: string; at: string };
  consents: { channel?: string; topic?: string; granted: boolean; at: string; source: string }[];
  suppressions: { channel: string; address: string; reason: string; at: string }[];
  stages: Visit[];
  segments: { name: string; title: string }[];
  scores: { name: string; title?: string; points: number; cap?: number; floor?: number; thresholds?: { points: number; reached: boolean }[] }[];
  /** Ranks 1 to 5 among all who have bought something. */
  rfm?: { recency: number; frequency: number; monetary: number };
  revenue?: { orders: number; total: number; first?: string; last?: string };
}

export interface Fact {
  kind: string;
  text: string;
  journey?: string;
  from?: string;
  to?: string;
  name?: string;
  file?: string;
  line?: number;
}

export interface Lived {
  at: string;
  seq: number;
  /** The customer to whom it happened, before they became this one. */
  from?: string;
  /** It came when the customer's time was past it. */
  late?: boolean;
  /** None: a timer, or somebody's request. */
  event?: {
    type: string;
    event?: string;
    messageId: string;
    timestamp: string;
    properties?: Record<string, unknown>;
    traits?: Record<string, unknown>;
    context?: Record<string, unknown>;
    source?: string;
    public?: boolean;
    made?: boolean;
  };
  facts: Fact[];
}

export interface Suspicion {
  identity: Identity;
  customer?: string;
  users: number;
  customers: number;
  since: string;
  reason: string;
}

const path = (who: string, what = '') => `/v1/customers/${encodeURIComponent(who)}${what}`;

/** At most 50; more: others have what was searched for, too. */
export interface Found {
  customers: Listed[];
  more?: boolean;
}

export function searchCustomers(search: string, signal?: AbortSignal): Promise<Found> {
  return call('GET', `/v1/customers?search=${encodeURIComponent(search)}`, undefined, signal);
}

export function newestCustomers(signal?: AbortSignal): Promise<Found> {
  return call('GET', '/v1/customers?newest=true&limit=50', undefined, signal);
}

/** One customer, by whatever is known of them. */
export function getCustomer(who: string, signal?: AbortSignal): Promise<Customer> {
  return call('GET', path(who), undefined, signal, asSent);
}

/** What happened to them, newest first. */
export async function getLife(who: string, cursor = '', signal?: AbortSignal): Promise<{ entries: Lived[]; next: string }> {
  const answer = await call<{ entries: Lived[]; next?: string }>('GET', path(who, `/timeline?limit=50&cursor=${encodeURIComponent(cursor)}`), undefined, signal, asSent);
  return { entries: answer.entries, next: answer.next ?? '' };
}

/** Where everything that is kept of a customer is had as one file. */
export const exportPath = (id: string) => path(id, '/export?kind=id');

/** Forgets a customer for good. */
export function eraseCustomer(id: string): Promise<unknown> {
  return call('POST', path(id, '/erase?kind=id'));
}

export async function getSuspicions(signal?: AbortSignal): Promise<Suspicion[]> {
  return (await call<{ suspicious: Suspicion[] }>('GET', '/v1/identities/suspicious?limit=100', undefined, signal)).suspicious;
}

/** Lets an identity join people again. */
export function forgive(identity: Identity): Promise<unknown> {
  return call('POST', '/v1/identities/forgive', { kind: identity.kind, value: identity.value });
}

const text = (value: unknown): string => (typeof value === 'string' ? upright(value.trim()) : '');

/** How people call a customer: by name, else by address, else by ID. */
export function nameOf(one: Listed): string {
  return text(one.name) || text(one.email) || one.userId || text(one.phone) || one.anonymousId || short(one.id);
}

/** The same of a whole customer. */
export function titleOf(one: Customer): string {
  const trait = (name: string) => text(one.traits.find((t) => t.name === name)?.value);
  const full = [trait('firstName') || trait('first_name'), trait('lastName') || trait('last_name')].filter(Boolean).join(' ');
  return trait('name') || full || trait('email') || one.userId || one.anonymousId || short(one.id);
}

/** "email", "ID of shopify" */
export function kindText(kind: string): string {
  if (kind.startsWith('external:')) return kind.slice('external:'.length);
  return { user: 'user ID', anonymous: 'anonymous ID', email: 'email', phone: 'phone', device: 'device' }[kind] ?? kind;
}

/** A trait as it is shown: a text without its quotes. */
export function valueText(value: unknown): string {
  return upright(typeof value === 'string' ? value : JSON.stringify(value));
}

/** What an event says, briefly: its first properties, or traits. */
export function brief(one: Lived): string {
  const said = one.event?.properties ?? one.event?.traits ?? {};
  return Object.entries(said)
    .filter(([name, value]) => (['string', 'number', 'boolean'].includes(typeof value) || value instanceof Number) && !/^(message|previousId)$/.test(name))
    .slice(0, 4)
    .map(([name, value]) => `${name} ${valueText(value)}`)
    .join(' · ');
}

/** What happened between stages, with their titles where its words have their names: "moved new > regular". */
export function withTitles(fact: { kind: string; text: string }, stages: { name: string; title: string }[] = []): string {
  if (!/^(entered|moved|placed|exited|refused|converted)$/.test(fact.kind)) return fact.text;
  const [, what = '', why = ''] = /^(.*?)((?::|,| at ).*)?$/s.exec(fact.text) ?? [];
  return what.replace(/(?<=(?:entered|enter|moved|refused|placed in|from|goal of|>) )[\w-]+/g, (name) => stages.find((one) => one.name === name)?.title ?? name) + why;
}

/** A stay in a stage: the change that began it, and when it ended; null: it goes on. */
export interface Stay {
  stage: string;
  began: StageChange;
  ended: string | null;
}

/** The stays that a history tells of, newest first. */
export function staysOf(history: StageChange[]): Stay[] {
  const stays: Stay[] = [];
  let ended: string | null = null;
  for (const change of history) {
    if (change.kind === 'refused' || change.kind === 'converted') continue;
    if (change.kind !== 'exited' && change.to) stays.push({ stage: change.to, began: change, ended });
    ended = change.at;
  }
  return stays;
}

/** Entries of a page put before those that are known; what is in both stands once. */
export function joinLives(newer: Lived[], known: Lived[]): Lived[] {
  const seqs = new Set(newer.map((one) => one.seq));
  return [...newer, ...known.filter((one) => !seqs.has(one.seq))];
}
