// Broadcasts: one message to many. GET, PUT and POST /api/broadcasts.

import { call, type Message } from '../api';
import type { MessagePreview } from '../workshop';
import type { Audience } from './audience.svelte';
import { number, place, plural } from './format';
import { jobsOf } from './jobs';
import type { Order } from './ledger';

export interface Part {
  name?: string;
  /** Percent. */
  share?: number;
  subject?: string;
  /** A message that is written already, as "journey/message". */
  from?: string;
  /** Message files by channel. */
  texts?: Record<string, string>;
}

export interface Definition {
  title: string;
  audience: Audience;
  at?: string;
  on?: string;
  local?: string;
  parts: Part[];
  holdout?: number;
  rate?: number;
}

export interface PartFigures {
  name: string;
  decided: number;
  queued: number;
  sent: number;
  failed: number;
  suppressed: number;
  expired: number;
  cancelled: number;
  held: number;
  opened: number;
  clicked: number;
}

export interface Broadcast extends Definition {
  name: string;
  status: 'draft' | 'scheduled' | 'sending' | 'paused' | 'stopped' | 'done';
  created: string;
  started?: string;
  begins?: string;
  who: string;
  journey: string;
  listed: number;
  /** Customers who were let in. */
  let: number;
  /** Who had it already, with somebody who became part of them. */
  had: number;
  /** Of the list: part of somebody else by now, who is let in instead. */
  merged: number;
  /** Of the list: not there any more. */
  gone: number;
  /** 0 to 1. */
  done: number;
  waiting: number;
  heldout: number;
  errors: number;
  figures: PartFigures[];
  reasons: { part: string; state: Message['state']; reason: string; count: number }[];
  script?: { file: string; text: string }[];
  /** Of a draft: what may go wrong with its messages; what stops keeps it from being started. */
  warnings?: Warning[];
  /** Of one that is not over: what keeps its messages from leaving. The list does not say it. */
  pauses?: Order[];
}

export interface Warning {
  message: string;
  hint?: string;
  file: string;
  line: number;
  stops: boolean;
}

export interface Ahead {
  looked: number;
  matched: number;
  heldout: number;
  reached: number;
  waiting: Record<string, number>;
  kept: Record<string, number>;
  parts: Record<string, number>;
  channels: Record<string, number>;
  /** How many messages were written, to see whether they can be, and which could not, by reason. */
  tried: number;
  failing: Record<string, number>;
  complete: boolean;
  example: string;
}

/** Who would get it, and how many of them now: "2 of 887 customers would get it, none of them now". */
export function reachText(ahead: Ahead): string {
  const later = Object.values(ahead.waiting).reduce((sum, n) => sum + n, 0);
  const now = ahead.reached - later;
  const text = `${ahead.complete ? '' : 'At least '}${number(ahead.reached)} of ${plural(ahead.matched, 'customer')} would get it`;
  return later === 0 ? text : `${text}, ${now > 0 ? number(now) : 'none'} of them now`;
}

export interface Sample {
  user: string;
  part?: string;
  channel?: string;
  to?: string[];
}

export const broadcasts = jobsOf<Broadcast, Definition, Ahead>('broadcasts');

export function previewOf(name: string, sample: Sample): Promise<MessagePreview> {
  return call('POST', broadcasts.path(name, '/preview'), sample);
}

export function testOf(name: string, sample: Sample): Promise<{ refs: string[] }> {
  return call('POST', broadcasts.path(name, '/test'), sample);
}

/**
 * A warning in words: without the name of the only message there is, and with its place only where somebody has written a
 * file: a mail of the form has none.
 */
export function warningText(broadcast: Pick<Broadcast, 'parts'>, one: Warning): { what: string; where: string } {
  const file = one.file.replace(/^.*\//, '');
  const [name = ''] = file.split('.');
  const part = broadcast.parts.find((each) => (each.name ?? 'message') === name);
  const written = part?.texts?.email !== undefined && Object.keys(part.texts).length === 1 && readMail(part.texts.email) !== null;
  const what = broadcast.parts.length > 1 ? one.message : one.message.replace(`message ${name}: `, '');
  return { what: `${what.charAt(0).toUpperCase()}${what.slice(1)}`, where: written ? '' : place(file, one.line) };
}

/** A mail file of a subject and a text. */
export function mailFile(subject: string, kind: string, body: string): string {
  return `---\nsubject: ${subject.replace(/\s+/g, ' ').trim()}\n${kind === 'transactional' ? 'kind: transactional\n' : ''}---\n${body.trimEnd()}\n`;
}

/** What stands in such a file; null if there is more in its front matter than the form has fields for. */
export function readMail(file: string): { subject: string; kind: string; body: string } | null {
  const [, front, body] = /^---\n([\s\S]*?)\n---\n?([\s\S]*)$/.exec(file) ?? [];
  if (front === undefined || body === undefined) return null;
  const found = { subject: '', kind: 'marketing', body };
  for (const line of front.split('\n')) {
    const [, key = '', value = ''] = /^(\w+):\s*(.*)$/.exec(line) ?? [];
    if (key !== 'subject' && key !== 'kind') return null;
    found[key] = value;
  }
  return found;
}

/** A name made of a title: "Spring sale!" -> "spring-sale". */
export function nameOf(title: string): string {
  return title
    .normalize('NFD')
    .replace(/[\u0300-\u036f]/g, '')
    .replace(/[đĐ]/g, 'd')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40);
}
