// Moving customers from one stage to another: one of them, or many at once. POST /api/moves, and /api/bulks.

import { call } from '../api';
import type { Audience } from './audience.svelte';
import { jobsOf } from './jobs';

export type Act = 'move' | 'enrol' | 'exit' | 'place';

export interface Moved {
  customer: string;
  journey: string;
  /** The stage before; empty: in none. */
  from: string;
  to: string;
}

/** Asks for an act on one customer. What the journey does not allow is an error that says why. */
export function change(ask: { user: string; journey: string; act: Act; to?: string; why?: string }): Promise<Moved> {
  return call('POST', '/api/moves', ask);
}

/** What publishing a version would do to one stage. */
export interface StageEffect {
  stage: string;
  fate: 'stays' | 'new' | 'renamed' | 'retired' | 'missing';
  /** Where its customers go; empty: out of the journey, where it is retired. */
  to?: string;
  customers: number;
  runs: number;
  runsEnd: number;
  timers: number;
  timersEnd: number;
  timersNew: number;
  /** For how many a new silence would be over within the hour, at most. */
  due: number;
}

export interface StagePlan {
  journey: string;
  stages: StageEffect[];
  allowed: [string, string][];
  refused: [string, string][];
  blocked: boolean;
  looked: number;
  complete: boolean;
}

/**
 * What publishing the scripts folder as it stands, or files over it, would do to the customers of a journey. where says for
 * stages that are gone where their customers would go; null: out of the journey.
 */
export function planJourney(
  journey: string,
  ask: { files?: Record<string, string>; drain?: boolean; where?: Record<string, string | null> } = {},
  signal?: AbortSignal,
): Promise<StagePlan> {
  return call('POST', `/api/journeys/${encodeURIComponent(journey)}/plan`, ask, signal);
}

export interface BulkDefinition {
  title: string;
  act: Act;
  journey: string;
  to?: string;
  audience: Audience;
  /** Customers per second; 0: as fast as it goes. */
  rate?: number;
  why?: string;
}

export interface BulkCounts {
  done: number;
  same: number;
  refused: number;
  gone: number;
  sent: number;
  reasons: { reason: string; count: number }[] | null;
}

export interface Bulk extends BulkDefinition {
  name: string;
  status: 'draft' | 'running' | 'paused' | 'stopped' | 'done';
  /** What is done to whom. */
  text: string;
  by?: string;
  created: string;
  started?: string;
  progress: BulkCounts & { listed: number; over: boolean };
  /** 0 to 1. */
  share: number;
}

export interface BulkAhead extends BulkCounts {
  looked: number;
  matched: number;
  from: Record<string, number>;
  complete: boolean;
  example: string;
}

export const bulks = jobsOf<Bulk, BulkDefinition, BulkAhead>('bulks');
