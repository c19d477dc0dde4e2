// How a channel stands, in a word and a tone: the same in the header and on the page of channels.
import type { Channel } from '../api';
import type { Order } from './ledger';

export interface Stand {
  word: string;
  /** How its sign looks; empty: nothing is to be said about it. */
  tone: 'good' | 'warn' | 'bad' | '';
}

type Served = Pick<Channel, 'state' | 'lastError' | 'pauses'> & { broken?: boolean };

/** That a connector runs does not mean that anything leaves: a pause comes before that, but not before what is broken. */
export function standOf(channel: Partial<Served> & Pick<Served, 'state'>): Stand {
  const stand = serving(channel);
  const pauses = channel.pauses ?? [];
  if (pauses.length === 0 || stand.tone === 'bad' || channel.state === 'none') return stand;
  const kinds = [...new Set(pauses.map((one) => one.kind ?? ''))];
  return { word: kinds.includes('') || kinds.length > 1 ? 'paused' : `${kinds[0]} paused`, tone: 'warn' };
}

function serving({ state, lastError, broken }: Partial<Served>): Stand {
  if (broken) return { word: 'pausing', tone: 'warn' };
  if (state === 'none') return lastError ? { word: 'not started', tone: 'bad' } : { word: 'not set up', tone: '' };
  const tones: Record<string, Stand['tone']> = { running: 'good', starting: 'warn', idle: '' };
  return { word: state ?? '', tone: tones[state ?? ''] ?? 'bad' };
}

/** "It is paused by Ops: the price is wrong." */
export function pauseText({ kind, by, why }: Order): string {
  return `${kind ? `Its ${kind} messages are` : 'It is'} paused by ${by}${why ? `: ${why}` : ''}.`;
}
